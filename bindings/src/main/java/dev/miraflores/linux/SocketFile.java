// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import java.io.IOException;
import java.net.BindException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The place in the file system at which a Unix socket listens, for its owner and root alone.
 *
 * <p>Thread: any, one at a time.
 *
 * <p>Lifetime: the file is there from {@link #bind} to {@link #close}. To be closed before the socket is: as long as that is
 * open its inode belongs to it, so that no other file can be taken for it.
 *
 * <p>Source: unix(7), link(2).
 */
public final class SocketFile implements AutoCloseable {
    private final Path path;
    private final FileStatus file;

    private SocketFile(Path path, FileStatus file) {
        this.path = path;
        this.file = file;
    }

    /** How a socket gets its file. */
    public interface Binder {
        /** Binds it to {@code at}, where nothing is. */
        void bind(Path at) throws IOException;
    }

    /**
     * Makes the file with mode 0600, whatever the umask. A socket that a dead process left at {@code path} is replaced.
     *
     * @throws IOException when something else is there, somebody listens there, the directory allows none, or as {@code socket}
     *     does; nothing is left then
     */
    public static SocketFile bind(Path path, Binder socket) throws IOException {
        checkLength(path);
        removeStale(path);
        Path directory = path.getParent() == null ? Path.of(".") : path.getParent();
        // Made where nobody else can reach it, and moved once its mode is right: there is no moment at which it is open.
        Path hidden = Files.createTempDirectory(directory, ".hv-");
        Path made = hidden.resolve("s");
        try {
            bindIn(hidden, made, socket);
            Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rw-------"));
            FileStatus file = status(made);
            put(made, path);
            return new SocketFile(path, file);
        } finally {
            Files.deleteIfExists(made);
            Files.delete(hidden);
        }
    }

    private static void checkLength(Path path) throws SocketException {
        int byteSize = byteSize(path);
        if (byteSize == 0 || byteSize > UnixSocket.MAX_PATH_BYTES) {
            throw new SocketException("the path has " + byteSize + " bytes: from 1 to " + UnixSocket.MAX_PATH_BYTES + " are possible");
        }
    }

    private static int byteSize(Path path) {
        return path.toString().getBytes(StandardCharsets.UTF_8).length;
    }

    /** Where the hidden name is too long for a socket, by way of its directory's descriptor. */
    private static void bindIn(Path hidden, Path made, Binder socket) throws IOException {
        if (byteSize(made) <= UnixSocket.MAX_PATH_BYTES) {
            socket.bind(made);
            return;
        }
        try (Fd directory = Fd.open(hidden.toString(), Fd.O_PATH, 0)) {
            socket.bind(Path.of("/proc/self/fd/" + directory.number(), made.getFileName().toString()));
        }
    }

    /** By a link, which takes no one's place as a move would; where the file system has none, by a move. */
    private static void put(Path made, Path path) throws IOException {
        try {
            Files.createLink(path, made);
        } catch (FileAlreadyExistsException e) {
            throw new BindException("another process listens there");
        } catch (FileSystemException | UnsupportedOperationException noLinks) {
            Files.move(made, path);
        }
    }

    private static void removeStale(Path path) throws IOException {
        FileStatus there = status(path);
        if (there == null) {
            return;
        }
        // A connection to what is no socket is refused as well: that must not be what is removed.
        if (!there.isSocket()) {
            throw new BindException("it exists and is no socket");
        }
        // One that only does not answer, as too many wait there already, is no dead one's.
        try (Fd probe = UnixSocket.create()) {
            if (UnixSocket.connect(probe, path.toString()) != -Errno.ECONNREFUSED) {
                throw new BindException("another process listens there");
            }
        }
        Files.deleteIfExists(path);
    }

    /** The file at {@code path} itself, or null where there is none. */
    private static FileStatus status(Path path) {
        int number = Fd.tryOpen(path.toString(), Fd.O_PATH | Fd.O_NOFOLLOW, 0);
        if (number < 0) {
            return null;
        }
        try (Fd found = Fd.adopt(number)) {
            return FileIo.fstat(found.number());
        }
    }

    public Path path() {
        return path;
    }

    /** Removes the file, unless another has taken its place. */
    @Override
    public void close() {
        FileStatus now = status(path);
        if (now == null || file == null || now.device() != file.device() || now.inode() != file.inode()) {
            return;
        }
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            // It stays; the next one to listen there removes it.
        }
    }
}
