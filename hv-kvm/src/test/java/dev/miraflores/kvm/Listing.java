// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import java.io.ByteArrayOutputStream;
import java.util.HexFormat;

/** Machine code from a listing: on each line the bytes, then at least two spaces, then what they mean. */
public final class Listing {
    private Listing() {}

    /** The bytes of all lines. */
    public static byte[] bytes(String listing) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (String line : listing.split("\n")) {
            String hex = line.strip().split(" {2,}", 2)[0];
            if (!hex.isEmpty()) {
                out.writeBytes(HexFormat.ofDelimiter(" ").parseHex(hex));
            }
        }
        return out.toByteArray();
    }
}
