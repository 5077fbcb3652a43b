// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Bytes sent on a stream socket from several places at once, time after time with the same memory: nothing is allocated for it. A
 * peer that is gone is −EPIPE and no signal, which writev(2) would be.
 *
 * <p>Thread: one at a time.
 *
 * <p>Source: sendmsg(2).
 */
public final class SocketMessage {
    private static final MemorySegment SENDMSG = Libc.symbol("sendmsg");
    private static final MemorySegment SHUTDOWN = Libc.symbol("shutdown");
    private static final int FLAGS = libc_h.MSG_DONTWAIT | libc_h.MSG_NOSIGNAL;

    private final MemorySegment header;

    /** A message whose memory is {@code arena}'s. */
    public SocketMessage(Arena arena) {
        header = arena.allocate(libc_abi.msghdr.sizeof, Long.BYTES);
    }

    /**
     * Sends what {@code iovecCount} iovecs point at: bytes sent, which may be fewer; −EAGAIN while the peer has to read first; or
     * another −errno.
     *
     * @param iovecs address of an array of {@code struct iovec}
     */
    public long send(int fd, long iovecs, int iovecCount) {
        header.set(ValueLayout.JAVA_LONG, libc_abi.msghdr.msg_iov, iovecs);
        header.set(ValueLayout.JAVA_LONG, libc_abi.msghdr.msg_iovlen, iovecCount);
        return Libc.callLong(SENDMSG, fd, header.address(), FLAGS, 0);
    }

    /** Ends both directions of a socket, so that whoever polls it wakes up: 0 or −errno. */
    public static int shutdown(int fd) {
        return Libc.callInt(SHUTDOWN, fd, libc_h.SHUT_RDWR);
    }
}
