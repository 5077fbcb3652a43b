// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;
import java.util.function.BooleanSupplier;

/**
 * TCP connections as bare descriptors, on none of which a call blocks, and which send what they are given at once.
 *
 * <p>Thread: any.
 *
 * <p>Source: ip(7), ipv6(7), tcp(7), connect(2).
 */
public final class InetSocket {
    private static final MemorySegment SOCKET = Libc.symbol("socket");
    private static final MemorySegment BIND = Libc.symbol("bind");
    private static final MemorySegment LISTEN = Libc.symbol("listen");
    private static final MemorySegment ACCEPT4 = Libc.symbol("accept4");
    private static final MemorySegment CONNECT = Libc.symbol("connect");
    private static final MemorySegment SETSOCKOPT = Libc.symbol("setsockopt");
    private static final MemorySegment GETSOCKOPT = Libc.symbol("getsockopt");

    private static final int FLAGS = libc_h.SOCK_NONBLOCK | libc_h.SOCK_CLOEXEC;
    private static final ValueLayout.OfShort BIG_ENDIAN = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN);

    /** How often somebody who connects is asked whether that is still wanted. */
    private static final int SLICE_MS = 100;
    // asm-generic/socket.h
    static final int SO_KEEPALIVE = 9;

    private InetSocket() {}

    /** Connects: a descriptor; −ETIMEDOUT where it takes longer than {@code timeoutMs}; or another −errno. */
    public static int connect(InetSocketAddress to, int timeoutMs) {
        return connect(to, timeoutMs, () -> false);
    }

    /** As {@link #connect(InetSocketAddress, int)}; −ECANCELED soon after {@code ended} says so. */
    public static int connect(InetSocketAddress to, int timeoutMs, BooleanSupplier ended) {
        int number = Libc.callInt(SOCKET, family(to), libc_h.SOCK_STREAM | FLAGS, 0);
        if (number < 0) {
            return number;
        }
        int rc = connect(number, to, timeoutMs, ended);
        if (rc < 0) {
            Fd.close(number);
            return rc;
        }
        begin(number);
        return number;
    }

    private static int connect(int number, InetSocketAddress to, int timeoutMs, BooleanSupplier ended) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = address(arena, to);
            int rc = Libc.callInt(CONNECT, number, address.address(), address.byteSize());
            if (rc != -Errno.EINPROGRESS) {
                return rc;
            }
        }
        for (int leftMs = timeoutMs; leftMs > 0 && !ended.getAsBoolean(); leftMs -= SLICE_MS) {
            int events = Poll.poll(number, Poll.POLLOUT, Math.min(leftMs, SLICE_MS));
            if (events > 0) {
                return -option(number, libc_h.SOL_SOCKET, libc_h.SO_ERROR);
            }
            if (events < 0 && events != -Errno.EINTR) {
                return events;
            }
        }
        return ended.getAsBoolean() ? -Errno.ECANCELED : -Errno.ETIMEDOUT;
    }

    /** Listens: a descriptor or −errno. */
    public static int listen(InetSocketAddress at, int backlog) {
        int number = Libc.callInt(SOCKET, family(at), libc_h.SOCK_STREAM | FLAGS, 0);
        if (number < 0) {
            return number;
        }
        set(number, libc_h.SOL_SOCKET, libc_h.SO_REUSEADDR);
        int rc;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = address(arena, at);
            rc = Libc.callInt(BIND, number, address.address(), address.byteSize());
        }
        if (rc == 0) {
            rc = Libc.callInt(LISTEN, number, backlog);
        }
        if (rc < 0) {
            Fd.close(number);
            return rc;
        }
        return number;
    }

    /** Takes the next client of a socket that listens: a descriptor; −EAGAIN where there is none; or another −errno. */
    public static int accept(int listener) {
        int number = Libc.callInt(ACCEPT4, listener, 0, 0, FLAGS);
        if (number >= 0) {
            begin(number);
        }
        return number;
    }

    /**
     * A frame that waits for an acknowledgement of the last one would wait for long, and of a host that went away without a word
     * nothing is heard unless it is asked. Fails on what is not TCP, which is as well.
     */
    private static void begin(int number) {
        set(number, libc_h.IPPROTO_TCP, libc_h.TCP_NODELAY);
        set(number, libc_h.SOL_SOCKET, SO_KEEPALIVE);
    }

    private static void set(int number, int level, int option) {
        MemorySegment state = Libc.state();
        state.set(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET, 1);
        Libc.callInt(SETSOCKOPT, number, level, option, state.address() + Libc.SCRATCH_OFFSET, Integer.BYTES, 0, 0);
    }

    static int option(int number, int level, int option) {
        MemorySegment state = Libc.state();
        state.set(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET + Integer.BYTES, Integer.BYTES);
        long value = state.address() + Libc.SCRATCH_OFFSET;
        int rc = Libc.callInt(GETSOCKOPT, number, level, option, value, value + Integer.BYTES, 0, 0);
        return rc < 0 ? -rc : state.get(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET);
    }

    private static int family(InetSocketAddress address) {
        return address.getAddress() instanceof Inet6Address ? libc_h.AF_INET6 : libc_h.AF_INET;
    }

    /** {@code struct sockaddr_in} or {@code sockaddr_in6}. */
    private static MemorySegment address(Arena arena, InetSocketAddress from) {
        InetAddress host = from.getAddress();
        byte[] bytes = host.getAddress();
        boolean v6 = host instanceof Inet6Address;
        MemorySegment address = arena.allocate(v6 ? libc_abi.sockaddr_in6.sizeof : libc_abi.sockaddr_in.sizeof, Integer.BYTES);
        address.set(ValueLayout.JAVA_SHORT, libc_abi.sockaddr_in.sin_family, (short) family(from));
        address.set(BIG_ENDIAN, libc_abi.sockaddr_in.sin_port, (short) from.getPort());
        MemorySegment.copy(bytes, 0, address, ValueLayout.JAVA_BYTE,
                v6 ? libc_abi.sockaddr_in6.sin6_addr : libc_abi.sockaddr_in.sin_addr, bytes.length);
        if (host instanceof Inet6Address scoped) {
            address.set(ValueLayout.JAVA_INT, libc_abi.sockaddr_in6.sin6_scope_id, scoped.getScopeId());
        }
        return address;
    }
}
