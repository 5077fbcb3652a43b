// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UnixSocketTest {
    @TempDir
    Path directory;

    @Test
    void shouldCarryBytesAndDescriptors() {
        UnixSocket[] ends = UnixSocket.pair();
        try (UnixSocket a = ends[0]; UnixSocket b = ends[1]; EventFd event = EventFd.create();
                Arena arena = Arena.ofConfined(); ReceivedFds fds = new ReceivedFds()) {
            assertEquals(5, a.send(arena.allocateFrom("four"), event.number()));

            MemorySegment into = arena.allocate(64);
            assertEquals(5, b.receive(into, fds));

            assertEquals("four", into.getString(0));
            assertEquals(1, fds.count());
            try (EventFd received = EventFd.adopt(fds.take())) {
                assertNotEquals(event.number(), received.number());
                event.signal();
                assertEquals(1, received.drain());
            }
            assertNull(fds.take());
        }
    }

    @Test
    void shouldReceiveDescriptorsCloseOnExec() throws IOException {
        UnixSocket[] ends = UnixSocket.pair();
        try (UnixSocket a = ends[0]; UnixSocket b = ends[1]; EventFd event = EventFd.create();
                Arena arena = Arena.ofConfined(); ReceivedFds fds = new ReceivedFds()) {
            a.send(arena.allocate(1), event.number());
            b.receive(arena.allocate(1), fds);
            try (Fd received = fds.take()) {
                String info = Files.readString(Path.of("/proc/self/fdinfo/" + received.number()));
                String flags = info.lines().filter(line -> line.startsWith("flags:")).findFirst().orElseThrow();
                assertTrue((Integer.parseInt(flags.substring(6).strip(), 8) & Fd.O_CLOEXEC) != 0, info);
            }
        }
    }

    @Test
    void shouldCarryTheMostDescriptorsAndLeaveNone() {
        OpenDescriptors.assertNoneLeft(8, () -> {
            UnixSocket[] ends = UnixSocket.pair();
            try (UnixSocket a = ends[0]; UnixSocket b = ends[1]; EventFd event = EventFd.create();
                    Arena arena = Arena.ofConfined(); ReceivedFds fds = new ReceivedFds()) {
                int[] many = new int[UnixSocket.MAX_FDS];
                Arrays.fill(many, event.number());
                assertEquals(1, a.send(arena.allocate(1), many));
                assertEquals(1, b.receive(arena.allocate(8), fds));
                assertEquals(UnixSocket.MAX_FDS, fds.count());
            }
        });
    }

    @Test
    void shouldRefuseMoreDescriptorsThanTheKernelTakes() {
        UnixSocket[] ends = UnixSocket.pair();
        try (UnixSocket a = ends[0]; UnixSocket b = ends[1]; Arena arena = Arena.ofConfined()) {
            MemorySegment one = arena.allocate(1);
            assertThrows(IllegalArgumentException.class, () -> a.send(one, new int[UnixSocket.MAX_FDS + 1]));
            assertEquals(-Errno.EAGAIN, b.receive(one, new ReceivedFds()));
        }
    }

    /** Descriptors that nobody receives are the kernel's to close. */
    @Test
    void shouldLeaveNoDescriptorWhenNobodyReceives() {
        OpenDescriptors.assertNoneLeft(8, () -> {
            UnixSocket[] ends = UnixSocket.pair();
            try (UnixSocket a = ends[0]; UnixSocket b = ends[1]; EventFd event = EventFd.create();
                    Arena arena = Arena.ofConfined()) {
                a.send(arena.allocate(1), event.number(), event.number());
                assertTrue(b.isOpen());
            }
        });
    }

    @Test
    void shouldSayWhenThePeerIsGone() {
        UnixSocket[] ends = UnixSocket.pair();
        try (UnixSocket a = ends[0]; Arena arena = Arena.ofConfined()) {
            ends[1].close();

            assertEquals(0, a.receive(arena.allocate(1), new ReceivedFds()));
            assertEquals(-Errno.EPIPE, a.send(arena.allocate(1)));
        }
    }

    @Test
    void shouldNotBlockWhenThePeerDoesNotRead() {
        UnixSocket[] ends = UnixSocket.pair();
        try (UnixSocket a = ends[0]; UnixSocket b = ends[1]; Arena arena = Arena.ofConfined()) {
            MemorySegment block = arena.allocate(1 << 16);
            int rc = 1;
            for (int i = 0; i < 1000 && rc > 0; i++) {
                rc = a.send(block);
            }
            assertEquals(-Errno.EAGAIN, rc);
            assertTrue(b.receive(block, new ReceivedFds()) > 0);
        }
    }

    @Test
    void shouldCallAPollOutByShutdown() throws InterruptedException {
        UnixSocket[] ends = UnixSocket.pair();
        UnixSocket a = ends[0];
        try (UnixSocket b = ends[1]) {
            Thread poller = Thread.ofPlatform().start(() -> Poll.poll(a.number(), Poll.POLLIN, -1));
            a.shutdown();
            poller.join(10_000);

            assertFalse(poller.isAlive());
            a.close();
            a.shutdown(); // nothing to do, and no one else's descriptor hit
            assertTrue(b.isOpen());
        }
    }

    @Test
    void shouldAcceptOneClientAfterAnother() {
        String path = directory.resolve("socket").toString();
        try (UnixListener listener = UnixListener.listen(path, 4); Arena arena = Arena.ofConfined()) {
            for (int i = 0; i < 3; i++) {
                try (UnixSocket client = UnixSocket.connect(path); UnixSocket server = listener.accept()) {
                    client.send(arena.allocateFrom("hello"));
                    assertEquals(6, server.receive(arena.allocate(16), new ReceivedFds()));
                }
            }
        }
        assertFalse(Files.exists(Path.of(path)), "the socket's file");
    }

    @Test
    void shouldEndAcceptingByShutdown() throws InterruptedException {
        try (UnixListener listener = UnixListener.listen(directory.resolve("socket").toString(), 1)) {
            UnixSocket[] accepted = new UnixSocket[1];
            Thread acceptor = Thread.ofPlatform().start(() -> accepted[0] = listener.accept());
            listener.shutdown();
            acceptor.join(10_000);

            assertFalse(acceptor.isAlive());
            assertNull(accepted[0]);
            assertNull(listener.accept());
        }
    }

    @Test
    void shouldReplaceASocketThatADeadProcessLeft() throws IOException {
        Path path = directory.resolve("socket");
        Path aside = directory.resolve("aside");
        UnixListener dead = UnixListener.listen(path.toString(), 1);
        Files.move(path, aside); // so that closing does not remove it
        dead.close();
        Files.move(aside, path);

        try (UnixListener listener = UnixListener.listen(path.toString(), 1);
                UnixSocket client = UnixSocket.connect(path.toString())) {
            assertTrue(client.isOpen());
            assertEquals(path.toString(), listener.path());
        }
    }

    @Test
    void shouldLeaveAloneWhatSomeoneListensAt() {
        String path = directory.resolve("socket").toString();
        try (UnixListener listener = UnixListener.listen(path, 1)) {
            ErrnoException e = assertThrows(ErrnoException.class, () -> UnixListener.listen(path, 1));

            assertEquals(Errno.EADDRINUSE, e.errno());
            assertTrue(e.getMessage().contains(path), e.getMessage());
            try (UnixSocket client = UnixSocket.connect(path)) {
                assertTrue(client.isOpen());
            }
            assertNotNull(listener);
        }
    }

    @Test
    void shouldLeaveAFileAlone() throws IOException {
        Path path = directory.resolve("image");
        Files.writeString(path, "valuable");

        assertThrows(ErrnoException.class, () -> UnixListener.listen(path.toString(), 1));
        assertEquals("valuable", Files.readString(path));
    }

    @Test
    void shouldNotRemoveAnothersSocketWhenClosed() throws IOException {
        Path path = directory.resolve("socket");
        UnixListener first = UnixListener.listen(path.toString(), 1);
        Files.delete(path);
        try (UnixListener second = UnixListener.listen(path.toString(), 1)) {
            first.close();
            assertTrue(Files.exists(path));
            UnixSocket.connect(second.path()).close();
        }
    }

    @Test
    void shouldSayHowLongAPathMayBe() {
        String path = "/tmp/" + "x".repeat(UnixSocket.MAX_PATH_BYTES);

        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> UnixListener.listen(path, 1));
        assertTrue(e.getMessage().contains("107"), e.getMessage());
        ErrnoException refused = assertThrows(ErrnoException.class,
                () -> UnixSocket.connect(directory.resolve("nobody").toString()));
        assertEquals(Errno.ENOENT, refused.errno());
    }

    /** memfd_create(2): what one side wrote, the other sees through the descriptor it was sent. */
    @Test
    void shouldMapAReceivedFileFromAnOffsetOn() {
        UnixSocket[] ends = UnixSocket.pair();
        try (UnixSocket a = ends[0]; UnixSocket b = ends[1]; Fd file = Memfd.create("shared", 0);
                Arena arena = Arena.ofConfined(); ReceivedFds fds = new ReceivedFds()) {
            FileIo.ftruncate(file.number(), 8192);
            FileIo.pwrite(file.number(), arena.allocateFrom(ValueLayout.JAVA_LONG, 42), 4096);
            a.send(arena.allocate(1), file.number());
            b.receive(arena.allocate(1), fds);
            try (Fd received = fds.take(); Mapping mapping = Mapping.file(received.number(), 4096, 4096,
                    Mapping.PROT_READ | Mapping.PROT_WRITE, Mapping.MAP_SHARED)) {
                assertEquals(42, mapping.segment().get(ValueLayout.JAVA_LONG, 0));
            }
        }
    }
}
