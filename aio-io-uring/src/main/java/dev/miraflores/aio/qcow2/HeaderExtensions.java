// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static dev.miraflores.aio.qcow2.Qcow2Layout.*;

import java.nio.ByteBuffer;

/**
 * What stands behind the header: {@code be32 type, be32 length, data, padding to 8 bytes}, up to type 0.
 * <p>Source: QEMU, docs/interop/qcow2, "Header extensions".
 */
final class HeaderExtensions {

    /** Places in what {@link #read} answers: the backing file's format, the name of a feature that is not known here. */
    static final int BACKING_FORMAT = 0;
    static final int FEATURE_NAME = 1;

    private static final int MAX_FORMAT_BYTES = 15;
    private static final int NAME_ENTRY_BYTES = 48;
    private static final int NAME_OFFSET = 2;

    private HeaderExtensions() {
    }

    static String[] read(String path, ByteBuffer bytes, int headerBytes, long incompatible) {
        String[] found = new String[2];
        // The name of the backing file ends the area where no end is marked.
        long backing = bytes.getLong(BACKING_FILE_OFFSET);
        int end = backing > 0 && backing < bytes.limit() ? (int) backing : bytes.limit();
        int at = headerBytes;
        while (at + 8 <= end) {
            int type = bytes.getInt(at);
            long length = Integer.toUnsignedLong(bytes.getInt(at + 4));
            if (type == EXTENSION_END) {
                break;
            }
            if (length > end - at - 8) {
                throw Header.damaged(path, "a header extension of " + length + " bytes at offset " + at);
            }
            if (type == EXTENSION_BACKING_FORMAT) {
                if (length > MAX_FORMAT_BYTES) {
                    throw Header.damaged(path, "a backing format with a name of " + length + " bytes");
                }
                found[BACKING_FORMAT] = Header.printable(bytes, at + 8, (int) length);
            } else if (type == EXTENSION_FEATURE_NAMES) {
                found[FEATURE_NAME] = unknownName(bytes, at + 8, (int) length, incompatible & ~INCOMPATIBLE_KNOWN);
            }
            at += 8 + (int) (length + 7 & ~7L);
        }
        return found;
    }

    private static String unknownName(ByteBuffer bytes, int offset, int length, long unknown) {
        for (int at = offset; at + NAME_ENTRY_BYTES <= offset + length; at += NAME_ENTRY_BYTES) {
            boolean incompatible = bytes.get(at) == 0;
            if (incompatible && unknown != 0 && bytes.get(at + 1) == Long.numberOfTrailingZeros(unknown)) {
                return Header.printable(bytes, at + NAME_OFFSET, nameLength(bytes, at));
            }
        }
        return null;
    }

    private static int nameLength(ByteBuffer bytes, int at) {
        int length = 0;
        while (length < NAME_ENTRY_BYTES - NAME_OFFSET && bytes.get(at + NAME_OFFSET + length) != 0) {
            length++;
        }
        return length;
    }
}
