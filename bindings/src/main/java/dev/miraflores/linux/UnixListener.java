// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A Unix stream socket that listens at a path.
 *
 * <p>Thread: any; {@link #shutdown} calls a thread out of {@link #accept}.
 *
 * <p>Lifetime: {@link #close} removes the socket's file, unless another has taken its place.
 *
 * <p>Source: unix(7), bind(2), listen(2), accept(2).
 */
public final class UnixListener implements AutoCloseable {
    private static final MemorySegment BIND = Libc.symbol("bind");
    private static final MemorySegment LISTEN = Libc.symbol("listen");
    private static final MemorySegment ACCEPT4 = Libc.symbol("accept4");
    private static final MemorySegment SHUTDOWN = Libc.symbol("shutdown");
    private static final MemorySegment UNLINK = Libc.symbol("unlink");

    private final String path;
    private final Fd fd;
    private final FileStatus file;
    private volatile boolean stopped;

    private UnixListener(String path, Fd fd, FileStatus file) {
        this.path = path;
        this.fd = fd;
        this.file = file;
    }

    /**
     * Listens at {@code path}. A socket that a dead process left behind there is replaced; one that somebody listens at,
     * and anything else that is there, is left alone and an EADDRINUSE.
     *
     * @param backlog how many may wait to be accepted
     */
    public static UnixListener listen(String path, int backlog) {
        Fd fd = UnixSocket.create();
        try {
            int rc = bind(fd, path);
            if (rc == -Errno.EADDRINUSE && removeStale(path)) {
                rc = bind(fd, path);
            }
            ErrnoException.check("bind(" + path + ")", rc);
            ErrnoException.check("listen(" + path + ")", Libc.callInt(LISTEN, fd.number(), backlog));
            return new UnixListener(path, fd, socketFile(path));
        } catch (RuntimeException | Error e) {
            fd.close();
            throw e;
        }
    }

    private static int bind(Fd fd, String path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = UnixSocket.address(arena, path);
            return Libc.callInt(BIND, fd.number(), address.address(), address.byteSize());
        }
    }

    /** Removes a socket that nobody listens at: whether it did. */
    private static boolean removeStale(String path) {
        // A connection to what is no socket is refused as well: that must not be what is removed.
        if (socketFile(path) == null) {
            return false;
        }
        try (Fd probe = UnixSocket.create()) {
            return UnixSocket.connect(probe, path) == -Errno.ECONNREFUSED && unlink(path) == 0;
        }
    }

    /** The socket at {@code path} itself, or null where there is none. */
    private static FileStatus socketFile(String path) {
        int number = Fd.tryOpen(path, Fd.O_PATH | Fd.O_NOFOLLOW, 0);
        if (number < 0) {
            return null;
        }
        try (Fd found = Fd.adopt(number)) {
            FileStatus status = FileIo.fstat(found.number());
            return status.isSocket() ? status : null;
        }
    }

    private static int unlink(String path) {
        try (Arena arena = Arena.ofConfined()) {
            return Libc.callInt(UNLINK, arena.allocateFrom(path).address());
        }
    }

    public String path() {
        return path;
    }

    /**
     * Waits for the next client.
     *
     * @return its socket, or null once {@link #shutdown} was called
     * @throws ErrnoException as accept4, with EMFILE for instance; the client waits on then
     */
    public UnixSocket accept() {
        while (!stopped) {
            int rc = Poll.poll(fd.number(), Poll.POLLIN, -1);
            if (rc < 0 && rc != -Errno.EINTR) {
                throw new ErrnoException("poll(" + path + ")", -rc);
            }
            if (stopped) {
                break;
            }
            rc = Libc.callInt(ACCEPT4, fd.number(), 0, 0, libc_h.SOCK_CLOEXEC);
            if (rc >= 0) {
                return UnixSocket.adopt(Fd.adopt(rc));
            }
            // EAGAIN and ECONNABORTED: the client has gone away since.
            if (rc != -Errno.EAGAIN && rc != -Errno.ECONNABORTED && rc != -Errno.EINTR) {
                throw new ErrnoException("accept4(" + path + ")", -rc);
            }
        }
        return null;
    }

    /** Ends the listening: {@link #accept} returns null, whoever connects is refused. Once more does nothing. */
    public synchronized void shutdown() {
        stopped = true;
        if (fd.isOpen()) {
            Libc.callInt(SHUTDOWN, fd.number(), libc_h.SHUT_RDWR);
        }
    }

    @Override
    public synchronized void close() {
        if (!fd.isOpen()) {
            return;
        }
        stopped = true;
        FileStatus now = socketFile(path);
        if (now != null && file != null && now.device() == file.device() && now.inode() == file.inode()) {
            unlink(path);
        }
        fd.close();
    }
}
