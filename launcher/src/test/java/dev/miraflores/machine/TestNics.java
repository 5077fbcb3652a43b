// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.stream.StreamAddress;
import java.nio.file.Path;

/** Network interfaces without a machine, for tests of what looks at them. */
public final class TestNics {

    private TestNics() {
    }

    /** One that listens at a socket; its device is the caller's to close. */
    public static Nic listening(String id, Path socket) {
        return NicOpener.open(NicConfig.ofListener(StreamAddress.unix(socket.toString())).toBuilder().id(id)
                .mac(NicConfig.FIRST_MAC).build());
    }
}
