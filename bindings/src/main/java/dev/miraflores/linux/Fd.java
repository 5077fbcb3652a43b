// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A file descriptor that is ours to close.
 *
 * <p>Thread: any; {@link #close} may race with itself, but must not race with a call that still uses the number.
 *
 * <p>Lifetime: until {@link #close}; {@link #number} throws afterwards, since the kernel may have given the number away.
 *
 * <p>Source: open(2), close(2).
 */
public final class Fd implements AutoCloseable {
    public static final int O_RDONLY = libc_h.O_RDONLY;
    public static final int O_WRONLY = libc_h.O_WRONLY;
    public static final int O_RDWR = libc_h.O_RDWR;
    public static final int O_CREAT = libc_h.O_CREAT;
    public static final int O_EXCL = libc_h.O_EXCL;
    public static final int O_TRUNC = libc_h.O_TRUNC;
    public static final int O_APPEND = libc_h.O_APPEND;
    public static final int O_NONBLOCK = libc_h.O_NONBLOCK;
    public static final int O_DSYNC = libc_h.O_DSYNC;
    public static final int O_SYNC = libc_h.O_SYNC;
    public static final int O_DIRECT = libc_h.O_DIRECT;
    public static final int O_DIRECTORY = libc_h.O_DIRECTORY;
    public static final int O_NOFOLLOW = libc_h.O_NOFOLLOW;
    public static final int O_NOCTTY = libc_h.O_NOCTTY;
    public static final int O_CLOEXEC = libc_h.O_CLOEXEC;
    public static final int O_PATH = libc_h.O_PATH;
    public static final int O_TMPFILE = libc_h.O_TMPFILE;

    private static final MemorySegment OPEN = Libc.symbol("open");
    private static final MemorySegment CLOSE = Libc.symbol("close");

    private static final int CLOSED = -1;

    private volatile int number;

    private Fd(int number) {
        this.number = number;
    }

    /** Takes over a descriptor that some call returned; it is closed with this object. */
    public static Fd adopt(int number) {
        if (number < 0) {
            throw new IllegalArgumentException("no descriptor: " + number);
        }
        return new Fd(number);
    }

    /** Opens a file that exists; {@code O_CLOEXEC} is added to the flags. */
    public static Fd open(String path, int flags) {
        return open(path, flags, 0);
    }

    /** Opens a file, created with {@code mode} where the flags say so; {@code O_CLOEXEC} is added to the flags. */
    public static Fd open(String path, int flags, int mode) {
        int fd = tryOpen(path, flags, mode);
        if (fd < 0) {
            throw new ErrnoException("open(" + path + ")", -fd);
        }
        return new Fd(fd);
    }

    /** Like {@link #open(String, int, int)}, with a bare descriptor, or −errno. */
    public static int tryOpen(String path, int flags, int mode) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(path);
            return Libc.callInt(OPEN, name.address(), flags | O_CLOEXEC, mode);
        }
    }

    /** Closes a bare descriptor: 0 or −errno. The number is gone in either case (close(2), "Dealing with error returns"). */
    public static int close(int number) {
        return Libc.callInt(CLOSE, number);
    }

    /** The number, for calls that take one. */
    public int number() {
        int fd = number;
        if (fd == CLOSED) {
            throw new IllegalStateException("descriptor is closed");
        }
        return fd;
    }

    /** Whether {@link #close} has not been called yet. */
    public boolean isOpen() {
        return number != CLOSED;
    }

    /** Gives the number away: it is the caller's to close, and this object counts as closed. */
    public synchronized int release() {
        int fd = number();
        number = CLOSED;
        return fd;
    }

    @Override
    public void close() {
        int fd;
        synchronized (this) {
            fd = number;
            number = CLOSED;
        }
        if (fd != CLOSED) {
            close(fd);
        }
    }

    @Override
    public String toString() {
        int fd = number;
        return fd == CLOSED ? "Fd(closed)" : "Fd(" + fd + ")";
    }
}
