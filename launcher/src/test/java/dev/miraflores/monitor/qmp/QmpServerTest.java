// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.monitor.FakeMachine;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.json.JsonFramer;
import dev.miraflores.monitor.socket.ClientServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.BindException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real sockets and many clients, on a machine that is none. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class QmpServerTest {

    @TempDir
    private Path directory;
    private final FakeMachine machine = new FakeMachine();
    private final Monitor monitor = new Monitor(machine);
    private Path path;
    private ClientServer server;

    @BeforeEach
    void listen() throws IOException {
        path = directory.resolve("qmp");
        server = ClientServer.unix("qmp", path, QmpServer.MOST_CLIENTS);
        server.start(new QmpServer(monitor, new QmpCommands(monitor, "1")));
    }

    @AfterEach
    void close() {
        server.close();
    }

    private final class Client implements AutoCloseable {

        final SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        final OutputStream out;
        final BufferedReader in;

        Client() throws IOException {
            channel.connect(UnixDomainSocketAddress.of(path));
            out = Channels.newOutputStream(channel);
            in = new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.US_ASCII));
        }

        Client negotiated() throws IOException {
            assertTrue(in.readLine().startsWith("{\"QMP\""));
            assertEquals("{\"return\":{}}", ask("{'execute': 'qmp_capabilities'}"));
            return this;
        }

        void send(String text) throws IOException {
            out.write(text.getBytes(StandardCharsets.US_ASCII));
        }

        String ask(String text) throws IOException {
            send(text + "\n");
            return in.readLine();
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    @Test
    void shouldLetNobodyElseIn() throws IOException {
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
        try (var left = Files.list(directory)) {
            assertEquals(List.of(path), left.toList());
        }
    }

    @Test
    void shouldNotTakeASocketFromSomebodyWhoListens() {
        assertThrows(BindException.class, () -> ClientServer.unix("qmp", path, 1));
    }

    @Test
    void shouldReplaceASocketOfTheDeadAndLeaveNoneBehind() throws IOException {
        server.close();
        assertFalse(Files.exists(path));
        try (var dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            dead.bind(UnixDomainSocketAddress.of(path));
        }
        assertTrue(Files.exists(path));
        ClientServer.unix("qmp", path, 1).close();
        assertFalse(Files.exists(path));
    }

    @Test
    void shouldServeTenClientsAtOnce() throws Exception {
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            clients.add(new Client().negotiated());
        }
        List<Thread> threads = new ArrayList<>();
        List<Throwable> failures = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            Client client = clients.get(i);
            String id = "\"id\":" + i;
            threads.add(Thread.ofPlatform().uncaughtExceptionHandler((_, e) -> {
                synchronized (failures) {
                    failures.add(e);
                }
            }).start(() -> {
                try {
                    for (int round = 0; round < 200; round++) {
                        assertEquals("{\"return\":{\"name\":\"fake\"}," + id + "}", client.ask("{'execute': 'query-name', " + id + "}"));
                    }
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(List.of(), failures);
        machine.pause();
        for (Client client : clients) {
            assertTrue(client.in.readLine().contains("\"event\":\"STOP\""));
            client.close();
        }
    }

    @Test
    void shouldRefuseMoreClientsThanItHasRoomFor() throws Exception {
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < QmpServer.MOST_CLIENTS; i++) {
            clients.add(new Client().negotiated());
        }
        try (Client oneMore = new Client()) {
            assertTrue(oneMore.in.readLine().contains("32 clients are connected"));
            assertNull(oneMore.in.readLine());
        }
        clients.removeLast().close();
        while (server.size() == QmpServer.MOST_CLIENTS) {
            Thread.sleep(1);
        }
        clients.add(new Client().negotiated());
        for (Client client : clients) {
            client.close();
        }
    }

    @Test
    void shouldOutliveAClientThatGoesInTheMiddleOfACommand() throws Exception {
        try (Client half = new Client().negotiated()) {
            half.send("{\"execute\": \"qu");
        }
        try (Client client = new Client().negotiated()) {
            assertEquals("{\"return\":{\"name\":\"fake\"}}", client.ask("{'execute': 'query-name'}"));
        }
    }

    @Test
    void shouldAnswerAClientThatHasSaidItsLast() throws Exception {
        try (Client client = new Client().negotiated()) {
            client.send("{'execute': 'query-name'} {'execute': 'query-kvm'}");
            client.channel.shutdownOutput();
            assertEquals("{\"return\":{\"name\":\"fake\"}}", client.in.readLine());
            assertNotNull(client.in.readLine());
            assertNull(client.in.readLine());
        }
    }

    @Test
    void shouldRefuseACommandThatIsTooLargeAndGoOn() throws Exception {
        try (Client client = new Client().negotiated()) {
            client.send("{'execute': '" + "x".repeat(JsonFramer.MAX_BYTES) + "'}");
            assertEquals("{\"error\":{\"class\":\"GenericError\",\"desc\":\"JSON token size limit exceeded\"}}", client.in.readLine());
            assertEquals("{\"return\":{\"name\":\"fake\"}}", client.ask("{'execute': 'query-name'}"));
        }
    }

    /** Its commands wait for it to read; others do not wait. */
    @Test
    void shouldReadNoMoreFromAClientThatDoesNotRead() throws Exception {
        try (Client silent = new Client().negotiated(); Client other = new Client().negotiated()) {
            silent.channel.configureBlocking(false);
            ByteBuffer commands = ByteBuffer.wrap("{'execute':'query-commands'}".repeat(100).getBytes(StandardCharsets.US_ASCII));
            long sent = 0;
            int refused = 0;
            while (refused < 20) {
                int count = silent.channel.write(commands.hasRemaining() ? commands : commands.rewind());
                sent += count;
                refused = count == 0 ? refused + 1 : 0;
                Thread.sleep(count == 0 ? 10 : 0);
                assertTrue(sent < 64 << 20, "it takes everything");
            }
            assertEquals("{\"return\":{\"name\":\"fake\"}}", other.ask("{'execute': 'query-name'}"));
        }
    }

    /** Events cannot wait: whoever leaves a megabyte of them unread is cut off, and everybody else hears them all. */
    @Test
    void shouldCutOffAClientThatLeavesEventsUnread() throws Exception {
        Client silent = new Client().negotiated();
        try (Client other = new Client().negotiated()) {
            while (server.size() == 2) {
                for (int i = 0; i < 100; i++) {
                    machine.pause();
                    machine.resume();
                    assertTrue(other.in.readLine().contains("\"STOP\""));
                    assertTrue(other.in.readLine().contains("\"RESUME\""));
                }
            }
            while (silent.in.readLine() != null) {
                // What was on its way.
            }
            assertEquals("{\"return\":{\"name\":\"fake\"}}", other.ask("{'execute': 'query-name'}"));
        }
    }

    @Test
    void shouldTellEverybodyTheEndBeforeItCloses() throws Exception {
        try (Client client = new Client().negotiated()) {
            assertEquals("{\"return\":{}}", client.ask("{'execute': 'quit'}"));
            while (machine.stopCause() == null) {
                Thread.sleep(1);
            }
            monitor.ended(machine.stopCause());
            server.close();
            assertTrue(client.in.readLine().contains("\"SHUTDOWN\""));
            assertNull(client.in.readLine());
        }
    }
}
