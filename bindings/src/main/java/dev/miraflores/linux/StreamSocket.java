// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;

/**
 * What there is to ask of a descriptor that somebody else says is a stream socket.
 *
 * <p>Thread: any.
 *
 * <p>Source: socket(7), poll(2).
 */
public final class StreamSocket {
    private StreamSocket() {}

    /** Whether it is a stream socket of any family, and the other side is there: one without shows as hung up. */
    public static boolean isConnected(int fd) {
        if (InetSocket.option(fd, libc_h.SOL_SOCKET, libc_h.SO_TYPE) != libc_h.SOCK_STREAM
                || InetSocket.option(fd, libc_h.SOL_SOCKET, libc_h.SO_ACCEPTCONN) != 0) {
            return false;
        }
        int events = Poll.poll(fd, Poll.POLLIN, 0);
        return events >= 0 && (events & Poll.POLLHUP) == 0;
    }
}
