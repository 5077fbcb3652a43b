// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.NetBackendEvents;
import dev.miraflores.devices.net.NetException;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.UnixSocket;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class StreamBackendTest {

    /** What an I/O thread is to a backend: changes of the port, and packets, one after the other. */
    private static final class Side implements NetBackendEvents, AutoCloseable {
        private final ExecutorService ioThread = Executors.newSingleThreadExecutor();
        private final Packets packets = new Packets();
        private final StreamBackend backend;
        private volatile boolean up;

        private volatile boolean hangs;

        Side(PeerSource source) {
            this(source, 60_000);
        }

        Side(PeerSource source, long patienceMs) {
            backend = new StreamBackend("test", source, patienceMs);
            backend.start(this);
        }

        @Override
        public void linkChanged(boolean now) {
            up = now;
        }

        @Override
        public void changePort(int pair, Runnable change) {
            if (!hangs) {
                ioThread.execute(change);
            }
        }

        void awaitLink(boolean wanted) throws InterruptedException {
            while (up != wanted || ioThread.isShutdown()) {
                onThread(() -> packets.receive(backend.port(0), 1000, true)); // as it does when the socket is readable
                Thread.sleep(5);
            }
        }

        <T> T onThread(Callable<T> action) {
            Future<T> result = ioThread.submit(action);
            try {
                return result.get();
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        }

        long send(byte[] frame) {
            return onThread(() -> packets.send(backend.port(0), frame, 1000));
        }

        byte[] receive() throws InterruptedException {
            byte[] frame;
            while ((frame = onThread(() -> packets.receive(backend.port(0), 1000, true))) == null) {
                Thread.sleep(1);
            }
            return frame;
        }

        @Override
        public void close() {
            backend.close();
            ioThread.close();
        }
    }

    @TempDir
    private Path directory;
    private StreamAddress address;

    @AfterEach
    void shouldLeaveNoFile() {
        assertTrue(address == null || !address.isUnix() || !Files.exists(Path.of(address.path())));
    }

    private StreamAddress unix() {
        address = StreamAddress.unix(directory.resolve("net").toString());
        return address;
    }

    private static void assertTalk(Side a, Side b) throws InterruptedException {
        a.awaitLink(true);
        b.awaitLink(true);
        byte[] frame = Packets.frame(65_000, 7);
        assertTrue(a.send(frame) >= 0);
        assertArrayEquals(frame, b.receive());
        assertTrue(b.send(frame) >= 0);
        assertArrayEquals(frame, a.receive());
    }

    @Test
    void shouldConnectTwo() throws InterruptedException {
        try (Side a = new Side(ListeningPeers.at("a", unix())); Side b = new Side(ConnectingPeers.to("b", address, 0))) {
            assertTalk(a, b);
            assertEquals("socket,listen=" + address, a.backend.description());
            assertEquals("socket,connect=" + address, b.backend.description());
        }
    }

    @Test
    void shouldConnectTwoOverTcp() throws IOException, InterruptedException {
        int port;
        try (ServerSocket any = new ServerSocket(0)) {
            port = any.getLocalPort();
        }
        StreamAddress tcp = StreamAddress.tcp("127.0.0.1", port);
        try (Side a = new Side(ListeningPeers.at("a", tcp)); Side b = new Side(ConnectingPeers.to("b", tcp, 0))) {
            assertTalk(a, b);
        }
        assertThrows(NetException.class, () -> ConnectingPeers.to("c", tcp, 0));
    }

    @Test
    void shouldGoOnWithTheNextPeer() throws InterruptedException {
        try (Side a = new Side(ListeningPeers.at("a", unix()))) {
            for (int i = 0; i < 3; i++) {
                try (Side b = new Side(ConnectingPeers.to("b", address, 0))) {
                    assertTalk(a, b);
                }
                a.awaitLink(false);
                assertTrue(a.send(new byte[60]) < 0);
                assertTrue(a.backend.description().endsWith("(nobody connected)"));
            }
        }
    }

    /** A NIC that goes and one that comes have the same connection; a peer that stopped in a frame is no longer one. */
    @Test
    void shouldLeaveAConnectionToTheNext() throws InterruptedException {
        UnixSocket[] pair = UnixSocket.pair();
        byte[] frame = PeerSocket.framed(Packets.frame(200, 1));
        try (UnixSocket kept = pair[0]; PeerSocket peer = new PeerSocket(pair[1])) {
            try (Side side = new Side(GivenPeer.adopt("nic n", FileIo.duplicate(kept.number())))) {
                side.awaitLink(true);
                peer.send(frame, 0, 100);
                side.onThread(() -> side.packets.receive(side.backend.port(0), 1000, true));
                peer.send(frame, 100, frame.length - 100);
                peer.send(frame);
            }
            try (Side side = new Side(GivenPeer.adopt("nic n", FileIo.duplicate(kept.number())))) {
                side.awaitLink(true);
                assertArrayEquals(Packets.frame(200, 1), side.receive());
                peer.send(frame, 0, 100);
                side.onThread(() -> side.packets.receive(side.backend.port(0), 1000, true));
            }
            NetException refusal = assertThrows(NetException.class,
                    () -> GivenPeer.adopt("nic n", FileIo.duplicate(kept.number())));
            assertTrue(refusal.getMessage().contains("connected"), refusal.getMessage());
        }
    }

    @Test
    void shouldConnectAgain() throws InterruptedException {
        try (Side b = new Side(ConnectingPeers.to("b", unix(), 20))) {
            for (int i = 0; i < 3; i++) {
                b.awaitLink(false);
                try (Side a = new Side(ListeningPeers.at("a", address))) {
                    assertTalk(a, b);
                }
            }
        }
    }

    /** Who breaks the protocol is let go of, and the next is served. */
    @Test
    void shouldLetGoOfAHostilePeer() throws InterruptedException {
        try (Side a = new Side(ListeningPeers.at("a", unix()))) {
            try (PeerSocket hostile = new PeerSocket(UnixSocket.connect(address.path()))) {
                a.awaitLink(true);
                hostile.send(new byte[] {-1, -1, -1, -1, 0, 0});
                a.awaitLink(false);
                while (!hostile.isAtEnd()) {
                    Thread.sleep(5);
                }
            }
            try (Side b = new Side(ConnectingPeers.to("b", address, 0))) {
                assertTalk(a, b);
            }
        }
    }

    /** A connection that the NIC does not let go of is not forgotten: there is no other, and it is closed with the NIC. */
    @Test
    void shouldKeepAPeerThatIsNotLetGoOf() throws InterruptedException {
        PeerSocket peer;
        try (Side a = new Side(ListeningPeers.at("a", unix()), 50)) {
            peer = new PeerSocket(UnixSocket.connect(address.path()));
            a.awaitLink(true);
            a.hangs = true;
            peer.send(new byte[] {-1, -1, -1, -1});
            a.awaitLink(false);
            try (PeerSocket second = new PeerSocket(UnixSocket.connect(address.path()))) {
                Thread.sleep(500);
                assertFalse(a.up);
                assertFalse(peer.isAtEnd());
                assertFalse(second.isAtEnd());
            }
        }
        assertTrue(peer.isAtEnd());
        peer.close();
    }

    @Test
    void shouldSayWhyThereIsNone() {
        NetException nobody = assertThrows(NetException.class, () -> ConnectingPeers.to("nic n", unix(), 0));
        assertEquals("nic n: connect=" + address + ": ENOENT (2); start the other side first, or use reconnect-ms=1000",
                nobody.getMessage());
        StreamAddress nowhere = StreamAddress.unix("/no/such/directory/s");
        assertTrue(assertThrows(NetException.class, () -> ListeningPeers.at("nic n", nowhere)).getMessage().contains("use another path"));
        StreamAddress unknown = StreamAddress.tcp("no-such-host.invalid", 1);
        assertTrue(assertThrows(NetException.class, () -> ListeningPeers.at("nic n", unknown)).getMessage().contains("unknown host"));
    }

    @Test
    void shouldCloseWhileNobodyIsThere() {
        try (Side a = new Side(ListeningPeers.at("a", unix()))) {
            assertFalse(a.up);
        }
        try (Side b = new Side(ConnectingPeers.to("b", address, 3_600_000))) {
            assertFalse(b.up);
        }
    }
}
