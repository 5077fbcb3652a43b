// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.stream.StreamAddress;

/**
 * A stream socket behind a NIC.
 *
 * @param fd          a descriptor that this process has of one that is connected, instead of the rest; −1 for none. The machine's
 *                    from then on
 * @param listens     whether the peer connects to us
 * @param reconnectMs how long after the peer has gone, or could not be connected to, it is tried again; 0 for never
 */
public record NicSocket(int fd, boolean listens, StreamAddress address, int reconnectMs) {

    private static final int NONE = -1;

    public NicSocket(boolean listens, StreamAddress address, int reconnectMs) {
        this(NONE, listens, address, reconnectMs);
    }

    /** One that is connected already. */
    public static NicSocket given(int fd) {
        return new NicSocket(fd, false, null, 0);
    }

    /** Whether it is connected already. */
    public boolean isGiven() {
        return fd != NONE;
    }
}
