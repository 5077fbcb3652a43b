// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A counter that can be waited for: doorbells, interrupts, wake-ups. Never blocks.
 *
 * <p>Thread: any; {@link #close} must not race with a call that still uses the number.
 *
 * <p>Source: eventfd(2).
 */
public final class EventFd implements AutoCloseable {
    private static final MemorySegment EVENTFD = Libc.symbol("eventfd");
    private static final MemorySegment READ = Libc.symbol("read");
    private static final MemorySegment WRITE = Libc.symbol("write");

    private static final MemorySegment ONE = Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1);
    private static final long COUNTER_BYTES = 8;

    private final Fd fd;

    private EventFd(Fd fd) {
        this.fd = fd;
    }

    /** A counter of 0. */
    public static EventFd create() {
        int fd = Libc.callInt(EVENTFD, 0, libc_h.EFD_CLOEXEC | libc_h.EFD_NONBLOCK);
        return new EventFd(Fd.adopt(ErrnoException.check("eventfd", fd)));
    }

    /** Takes over an eventfd that another process handed in; it should be non-blocking. */
    public static EventFd adopt(Fd fd) {
        return new EventFd(fd);
    }

    /** The descriptor's number, for calls that take one. */
    public int number() {
        return fd.number();
    }

    /** Adds one. A counter that is full stays so, and whoever waits is awake already. */
    public void signal() {
        long rc = Libc.callLong(WRITE, fd.number(), ONE.address(), COUNTER_BYTES, 0);
        if (rc < 0 && rc != -Errno.EAGAIN) {
            throw new ErrnoException("write(eventfd=" + fd.number() + ")", (int) -rc);
        }
    }

    /** Takes the count and leaves 0: how often it was signalled since, 0 when it was not. */
    public long drain() {
        MemorySegment state = Libc.state();
        long rc = Libc.callLong(READ, fd.number(), state.address() + Libc.SCRATCH_OFFSET, COUNTER_BYTES, 0);
        if (rc == COUNTER_BYTES) {
            return state.get(ValueLayout.JAVA_LONG, Libc.SCRATCH_OFFSET);
        }
        if (rc != -Errno.EAGAIN && rc != -Errno.EINTR) {
            throw new ErrnoException("read(eventfd=" + fd.number() + ")", (int) -rc);
        }
        return 0;
    }

    /** Whether the count is not 0, without taking it. */
    public boolean isSignalled() {
        return (Poll.poll(fd.number(), Poll.POLLIN, 0) & Poll.POLLIN) != 0;
    }

    public boolean isOpen() {
        return fd.isOpen();
    }

    @Override
    public void close() {
        fd.close();
    }
}
