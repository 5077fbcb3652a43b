// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.BindException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SocketFileTest {
    @TempDir
    Path directory;

    private static ServerSocketChannel server() throws IOException {
        return ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    }

    private static SocketFile bind(ServerSocketChannel server, Path path) throws IOException {
        return SocketFile.bind(path, at -> server.bind(UnixDomainSocketAddress.of(at)));
    }

    private void assertLeft(int count) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(count, files.count());
        }
    }

    @Test
    void shouldBeItsOwnersAloneAndGoAtTheEnd() throws IOException {
        Path path = directory.resolve("socket");
        try (ServerSocketChannel server = server()) {
            SocketFile file = bind(server, path);
            assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
            SocketChannel.open(UnixDomainSocketAddress.of(path)).close();
            assertLeft(1);
            file.close();
            assertLeft(0);
        }
    }

    /** What another process has put there meanwhile is not ours to remove, whichever inode number it got. */
    @Test
    void shouldLeaveWhatHasTakenItsPlace() throws IOException {
        Path path = directory.resolve("socket");
        try (ServerSocketChannel server = server(); ServerSocketChannel another = server()) {
            SocketFile file = bind(server, path);
            Files.delete(path);
            try (SocketFile _ = bind(another, path)) {
                file.close();
                SocketChannel.open(UnixDomainSocketAddress.of(path)).close();
            }
            Files.writeString(path, "precious");
            file.close();
            assertEquals("precious", Files.readString(path));
        }
    }

    @Test
    void shouldReplaceASocketThatADeadProcessLeft() throws IOException {
        Path path = directory.resolve("socket");
        try (ServerSocketChannel dead = server()) {
            dead.bind(UnixDomainSocketAddress.of(path));
        }
        try (ServerSocketChannel server = server(); SocketFile _ = bind(server, path)) {
            SocketChannel.open(UnixDomainSocketAddress.of(path)).close();
        }
        assertLeft(0);
    }

    @Test
    void shouldLeaveAloneWhatIsNotItsOwn() throws IOException, InterruptedException {
        Path image = Files.writeString(directory.resolve("image"), "precious");
        Path fifo = directory.resolve("fifo");
        assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
        Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("nowhere"));
        for (Path path : new Path[] {image, fifo, link, directory}) {
            try (ServerSocketChannel server = server()) {
                assertEquals("it exists and is no socket",
                        assertThrows(BindException.class, () -> bind(server, path)).getMessage());
            }
        }
        assertEquals("precious", Files.readString(image));
        assertLeft(3);
    }

    @Test
    void shouldRefuseWhereSomebodyListens() throws IOException {
        Path path = directory.resolve("socket");
        try (ServerSocketChannel server = server(); SocketFile _ = bind(server, path); ServerSocketChannel second = server()) {
            assertEquals("another process listens there",
                    assertThrows(BindException.class, () -> bind(second, path)).getMessage());
            SocketChannel.open(UnixDomainSocketAddress.of(path)).close();
        }
    }

    /** One whose backlog is full does not answer, and is nobody's to take. */
    @Test
    void shouldNotTakeABusyOneForDead() throws IOException {
        Path path = directory.resolve("socket");
        try (ServerSocketChannel busy = server(); SocketChannel first = SocketChannel.open(StandardProtocolFamily.UNIX);
                SocketChannel second = SocketChannel.open(StandardProtocolFamily.UNIX); ServerSocketChannel server = server()) {
            busy.bind(UnixDomainSocketAddress.of(path), 1);
            assertTrue(first.connect(UnixDomainSocketAddress.of(path)));
            assertTrue(second.connect(UnixDomainSocketAddress.of(path)));
            assertThrows(BindException.class, () -> bind(server, path));
            assertTrue(Files.exists(path));
        }
    }

    /** The hidden name is longer than the one asked for, and may be too long where that is not. */
    @Test
    void shouldTakeAnyPathThatASocketMayHave() throws IOException {
        int room = UnixSocket.MAX_PATH_BYTES - directory.toString().length() - 1;
        Path longest = directory.resolve("x".repeat(room));
        try (ServerSocketChannel server = server(); SocketFile _ = bind(server, longest)) {
            UnixSocket.connect(longest.toString()).close();
            assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(longest)));
        }
        Path deep = Files.createDirectory(directory.resolve("d".repeat(room - 2)));
        try (ServerSocketChannel server = server(); SocketFile _ = bind(server, deep.resolve("s"))) {
            UnixSocket.connect(deep.resolve("s").toString()).close();
        }
        Files.delete(deep);
        try (ServerSocketChannel server = server()) {
            SocketException e = assertThrows(SocketException.class, () -> bind(server, directory.resolve("x".repeat(room + 1))));
            assertTrue(e.getMessage().contains("108 bytes: from 1 to 107"), e.getMessage());
        }
        assertLeft(0);
    }

    @Test
    void shouldLeaveNothingWhereItFails() throws IOException {
        Path path = directory.resolve("socket");
        assertThrows(IOException.class, () -> SocketFile.bind(path, _ -> {
            throw new IOException("no");
        }));
        assertLeft(0);
        try (ServerSocketChannel server = server()) {
            assertThrows(NoSuchFileException.class, () -> bind(server, directory.resolve("none/socket")));
        }
        assertFalse(Files.exists(path));
    }
}
