// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import dev.miraflores.bindings.libc.libc_h;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

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
    private static final MemorySegment SYSCALL = Libc.symbol("syscall");
    private static final MemorySegment WRITE = Libc.symbol("write");

    private static final MemorySegment ONE = Arena.global().allocateFrom(ValueLayout.JAVA_LONG, 1);
    private static final long COUNTER_BYTES = 8;
    /** In the thread's scratch: the counter, then {@code struct iovec}. */
    private static final long IOVEC_OFFSET = Libc.SCRATCH_OFFSET + COUNTER_BYTES;

    private final Fd fd;
    private volatile boolean shared;

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

    /**
     * Takes over a descriptor that came from a process that is not trusted: null, and it is closed, where it is no eventfd. It is
     * made non-blocking, which the other process, sharing it, can undo, so it counts as {@linkplain #share shared}: what a full
     * counter holds up all the same is who signals. See {@link #trySignal}.
     */
    public static EventFd receive(Fd fd) {
        int number = fd.number();
        int flags = isEventFd(number) ? FileIo.statusFlags(number) : -Errno.EINVAL;
        if (flags < 0 || FileIo.setStatusFlags(number, flags | Fd.O_NONBLOCK) < 0) {
            fd.close();
            return null;
        }
        EventFd event = new EventFd(fd);
        event.share();
        return event;
    }

    private static boolean isEventFd(int number) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/fd/" + number)).toString().equals("anon_inode:[eventfd]");
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * To be said before another process is given the descriptor that is not trusted: it can make it a blocking one for us, too.
     * From now on no drain blocks all the same, and no signal of a counter that is full, unless it is filled
     * in the very moment.
     */
    public void share() {
        shared = true;
    }

    /** The descriptor's number, for calls that take one. */
    public int number() {
        return fd.number();
    }

    /** Whether a signal would not have to wait for one, be the descriptor made a blocking one by somebody else. */
    public boolean hasRoom() {
        return Poll.isReady(fd.number(), Poll.POLLOUT);
    }

    /** Adds one. A counter that is full stays so, and whoever waits is awake already. */
    public void signal() {
        if (shared && !hasRoom()) {
            return;
        }
        long rc = Libc.callLong(WRITE, fd.number(), ONE.address(), COUNTER_BYTES, 0);
        if (rc < 0 && rc != -Errno.EAGAIN && !(shared && rc == -Errno.EINTR)) {
            throw new ErrnoException("write(eventfd=" + fd.number() + ")", (int) -rc);
        }
    }

    /**
     * As {@link #signal}, of a counter that another process may have made a blocking one, and full: the thread waits then, and
     * {@link KickSignal} calls it out.
     *
     * @return false where that happened; nothing was added
     */
    public boolean trySignal() {
        long rc = Libc.callLong(WRITE, fd.number(), ONE.address(), COUNTER_BYTES, 0);
        if (rc < 0 && rc != -Errno.EAGAIN && rc != -Errno.EINTR) {
            throw new ErrnoException("write(eventfd=" + fd.number() + ")", (int) -rc);
        }
        return rc != -Errno.EINTR;
    }

    /** Takes the count and leaves 0: how often it was signalled since, 0 when it was not. */
    public long drain() {
        MemorySegment state = Libc.state();
        long rc = shared ? readWithoutWaiting(state)
                : Libc.callLong(READ, fd.number(), state.address() + Libc.SCRATCH_OFFSET, COUNTER_BYTES, 0);
        if (rc == COUNTER_BYTES) {
            return state.get(ValueLayout.JAVA_LONG, Libc.SCRATCH_OFFSET);
        }
        if (rc != -Errno.EAGAIN && rc != -Errno.EINTR) {
            throw new ErrnoException("read(eventfd=" + fd.number() + ")", (int) -rc);
        }
        return 0;
    }

    /** preadv2(2) with RWF_NOWAIT: as if the descriptor were a non-blocking one. At −1 there is no offset. */
    private long readWithoutWaiting(MemorySegment state) {
        state.set(ValueLayout.JAVA_LONG, IOVEC_OFFSET, state.address() + Libc.SCRATCH_OFFSET);
        state.set(ValueLayout.JAVA_LONG, IOVEC_OFFSET + COUNTER_BYTES, COUNTER_BYTES);
        long rc = Libc.callLong(
                SYSCALL, libc_h.SYS_preadv2, fd.number(), state.address() + IOVEC_OFFSET, 1, -1, 0, libc_abi.RWF_NOWAIT);
        if (rc != -Errno.EOPNOTSUPP) {
            return rc;
        }
        // Linux before 5.8 does not know that of an eventfd.
        return isSignalled()
                ? Libc.callLong(READ, fd.number(), state.address() + Libc.SCRATCH_OFFSET, COUNTER_BYTES, 0)
                : -Errno.EAGAIN;
    }

    /** Whether the count is not 0, without taking it. */
    public boolean isSignalled() {
        return Poll.isReady(fd.number(), Poll.POLLIN);
    }

    public boolean isOpen() {
        return fd.isOpen();
    }

    @Override
    public void close() {
        fd.close();
    }
}
