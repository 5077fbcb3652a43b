// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.BindException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

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

    private final String path;
    private final Fd fd;
    private final SocketFile file;
    private volatile boolean stopped;

    private UnixListener(String path, Fd fd, SocketFile file) {
        this.path = path;
        this.fd = fd;
        this.file = file;
    }

    /**
     * Listens at {@code path}, for this user alone. A socket that a dead process left behind there is replaced; one that
     * somebody listens at, and anything else that is there, is left alone and an EADDRINUSE.
     *
     * @param backlog how many may wait to be accepted
     */
    public static UnixListener listen(String path, int backlog) {
        UnixSocket.checkPath(path);
        try {
            return open(Path.of(path), backlog);
        } catch (IOException e) {
            throw new ErrnoException("bind(" + path + ")", errno(e));
        }
    }

    /**
     * As {@link #listen}, for who wants to say why it does not work.
     *
     * @throws IOException as {@link SocketFile#bind} says
     */
    public static UnixListener open(Path path, int backlog) throws IOException {
        Fd fd = UnixSocket.create();
        SocketFile file = null;
        try {
            file = SocketFile.bind(path, at -> bind(fd, at.toString()));
            ErrnoException.check("listen(" + path + ")", Libc.callInt(LISTEN, fd.number(), backlog));
            return new UnixListener(path.toString(), fd, file);
        } catch (IOException | RuntimeException | Error e) {
            if (file != null) {
                file.close();
            }
            fd.close();
            throw e;
        }
    }

    private static void bind(Fd fd, String path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = UnixSocket.address(arena, path);
            int rc = Libc.callInt(BIND, fd.number(), address.address(), address.byteSize());
            ErrnoException.check("bind(" + path + ")", rc);
        }
    }

    /** What bind(2) alone would have said. */
    private static int errno(IOException e) {
        return switch (e) {
            case BindException _ -> Errno.EADDRINUSE;
            case NoSuchFileException _ -> Errno.ENOENT;
            case AccessDeniedException _ -> Errno.EACCES;
            default -> Errno.EIO;
        };
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
            SocketMessage.shutdown(fd.number());
        }
    }

    @Override
    public synchronized void close() {
        if (!fd.isOpen()) {
            return;
        }
        stopped = true;
        file.close();
        fd.close();
    }
}
