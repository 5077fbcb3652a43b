// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Waits for many descriptors, each known by a token of the caller's.
 *
 * <p>Thread: {@link #await} and the events it leaves, one thread; adding and removing, any.
 *
 * <p>Lifetime: until {@link #close}, which must not race with another call.
 *
 * <p>Source: epoll(7).
 */
public final class Epoll implements AutoCloseable {
    public static final int EPOLLIN = libc_h.EPOLLIN;
    public static final int EPOLLOUT = libc_h.EPOLLOUT;
    public static final int EPOLLERR = libc_h.EPOLLERR;
    public static final int EPOLLHUP = libc_h.EPOLLHUP;
    public static final int EPOLLRDHUP = libc_h.EPOLLRDHUP;
    public static final int EPOLLET = libc_h.EPOLLET;
    public static final int EPOLLONESHOT = libc_h.EPOLLONESHOT;

    private static final MemorySegment EPOLL_CREATE1 = Libc.symbol("epoll_create1");
    private static final MemorySegment EPOLL_CTL = Libc.symbol("epoll_ctl");
    private static final MemorySegment EPOLL_WAIT = Libc.symbol("epoll_wait");

    private static final MemorySegment SYSCALL = Libc.symbol("syscall");

    private static final long NS_PER_SECOND = 1_000_000_000L;
    private static final long NS_PER_MS = 1_000_000L;
    private static final long LONGEST_MS = Integer.MAX_VALUE;

    // epoll_event is packed on x86-64: the token is at 4, not aligned.
    private static final long EVENT_BYTES = libc_abi.epoll_event.sizeof;

    private final Fd fd;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment events;
    private final int capacity;
    /** The kernel may be older than epoll_pwait2(2), or a seccomp filter than the kernel. */
    private boolean onlyMilliseconds;

    private Epoll(Fd fd, int capacity) {
        this.fd = fd;
        this.capacity = capacity;
        events = arena.allocate(capacity * EVENT_BYTES, 8);
    }

    /**
     * @param capacity the most events that one {@link #await} returns
     */
    public static Epoll create(int capacity) {
        if (capacity <= 0) {
            throw new IllegalArgumentException("capacity " + capacity);
        }
        int fd = Libc.callInt(EPOLL_CREATE1, libc_h.EPOLL_CLOEXEC);
        return new Epoll(Fd.adopt(ErrnoException.check("epoll_create1", fd)), capacity);
    }

    /** Watches a descriptor: 0 or −errno. */
    public int add(int watched, int interest, long token) {
        return control(libc_h.EPOLL_CTL_ADD, watched, interest, token);
    }

    /** Changes what a descriptor is watched for: 0 or −errno. */
    public int modify(int watched, int interest, long token) {
        return control(libc_h.EPOLL_CTL_MOD, watched, interest, token);
    }

    /** Watches a descriptor no longer: 0 or −errno. */
    public int remove(int watched) {
        return control(libc_h.EPOLL_CTL_DEL, watched, 0, 0);
    }

    /**
     * Waits for events, which {@link #events} and {@link #token} then tell by index.
     *
     * @param timeoutMs 0 does not wait, −1 waits for ever
     * @return how many there are, 0 when time is up, or −errno
     */
    public int await(int timeoutMs) {
        return Libc.callInt(EPOLL_WAIT, fd.number(), Addresses.of(events), capacity, timeoutMs);
    }

    /**
     * Like {@link #await}, for a time as short or long as that. Where the kernel only counts milliseconds (before Linux
     * 5.11), up to one of them longer.
     *
     * @param timeoutNs 0 does not wait, Long.MAX_VALUE waits for ever
     * @return how many there are, 0 when time is up, or −errno
     */
    public int awaitNs(long timeoutNs) {
        if (timeoutNs == 0 || timeoutNs == Long.MAX_VALUE) {
            // Not by await, which would be a level more to inline.
            return Libc.callInt(EPOLL_WAIT, fd.number(), Addresses.of(events), capacity, timeoutNs == 0 ? 0 : -1);
        }
        if (!onlyMilliseconds) {
            MemorySegment state = Libc.state();
            state.set(ValueLayout.JAVA_LONG, Libc.SCRATCH_OFFSET + libc_abi.timespec.tv_sec, timeoutNs / NS_PER_SECOND);
            state.set(ValueLayout.JAVA_LONG, Libc.SCRATCH_OFFSET + libc_abi.timespec.tv_nsec, timeoutNs % NS_PER_SECOND);
            int rc = Libc.callInt(SYSCALL, libc_h.SYS_epoll_pwait2, fd.number(), Addresses.of(events), capacity,
                state.address() + Libc.SCRATCH_OFFSET, 0, 0);
            if (rc != -Errno.ENOSYS && rc != -Errno.EPERM) {
                return rc;
            }
            onlyMilliseconds = true;
        }
        return await((int) Math.min(LONGEST_MS, (timeoutNs - 1) / NS_PER_MS + 1));
    }

    /** The events of entry {@code index} of the latest {@link #await}. */
    public int events(int index) {
        return events.get(ValueLayout.JAVA_INT_UNALIGNED, index * EVENT_BYTES + libc_abi.epoll_event.events);
    }

    /** The token of entry {@code index} of the latest {@link #await}. */
    public long token(int index) {
        return events.get(ValueLayout.JAVA_LONG_UNALIGNED, index * EVENT_BYTES + libc_abi.epoll_event.data);
    }

    private int control(int operation, int watched, int interest, long token) {
        MemorySegment state = Libc.state();
        state.set(ValueLayout.JAVA_INT_UNALIGNED, Libc.SCRATCH_OFFSET + libc_abi.epoll_event.events, interest);
        state.set(ValueLayout.JAVA_LONG_UNALIGNED, Libc.SCRATCH_OFFSET + libc_abi.epoll_event.data, token);
        return Libc.callInt(EPOLL_CTL, fd.number(), operation, watched, state.address() + Libc.SCRATCH_OFFSET);
    }

    @Override
    public synchronized void close() {
        fd.close();
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
