// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.socket;

import dev.miraflores.devices.serial.SocketFile;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Makes a Unix socket that only its owner and root can connect to. */
final class PrivateSocket {

    /** Of a path, with the zero at its end (unix(7)). */
    private static final int MAX_PATH_BYTES = 108;
    private static final int BACKLOG = 16;

    private PrivateSocket() {
    }

    /**
     * Listens at {@code path}; a socket that a dead process left there is replaced.
     *
     * @throws IOException when something else is there, somebody listens there, or the directory allows none
     */
    static ServerSocketChannel listen(Path path) throws IOException {
        SocketFile.removeStale(path);
        Path directory = path.getParent() == null ? Path.of(".") : path.getParent();
        // Made where nobody else can reach it, and moved once its mode is right: there is no moment at which it is open.
        Path hidden = Files.createTempDirectory(directory, ".hv-");
        try {
            Path made = hidden.resolve("s");
            return made.toString().getBytes().length < MAX_PATH_BYTES ? listen(made, path) : listen(path, path);
        } finally {
            Files.deleteIfExists(hidden);
        }
    }

    private static ServerSocketChannel listen(Path made, Path path) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        boolean done = false;
        try {
            server.bind(UnixDomainSocketAddress.of(made), BACKLOG);
            Files.setPosixFilePermissions(made, PosixFilePermissions.fromString("rw-------"));
            if (!made.equals(path)) {
                Files.move(made, path);
            }
            done = true;
            return server;
        } finally {
            if (!done) {
                server.close();
                Files.deleteIfExists(made);
            }
        }
    }
}
