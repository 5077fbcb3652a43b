// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Landlock;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.ReceivedFds;
import dev.miraflores.linux.Tun;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.machine.BuildDirectory;
import dev.miraflores.machine.BuiltInGuest;
import dev.miraflores.machine.KvmTest;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code hv} in its sandbox: what it does elsewhere it does there. */
@KvmTest
class HvSandboxTest {

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private Path kernel;

    @BeforeEach
    void kernel() throws IOException {
        kernel = Files.write(directory.resolve("kernel"), BuiltInGuest.image());
    }

    private HvProcess run(List<String> options, String commandLine, String... more) throws IOException {
        List<String> words = new ArrayList<>(options);
        words.addAll(List.of("-m", "dev.miraflores.launcher/dev.miraflores.launcher.Main", "run", "--kernel", kernel.toString(), "-m",
                "64M", "--append", commandLine));
        words.addAll(List.of(more));
        return HvProcess.start(directory, HvProcess.java(words.toArray(new String[0])));
    }

    /** A reset opens nothing, and makes calls that nothing else makes. */
    @Test
    void shouldStartAGuestAnew() throws IOException, InterruptedException {
        Path disk = BuiltInGuest.disk(directory, 64);
        try (HvProcess hv = run(List.of(), "mode=reboot count=4", "--smp", "2", "--rng", "--balloon", "--drive", "file=" + disk,
                "--sandbox", required())) {
            assertEquals(0, hv.await(), hv::texts);
            assertTrue(hv.out().contains("result: ok, 4 starts"), hv::texts);
            assertEquals("", hv.err());
        }
    }

    private static String required() {
        return Landlock.version() > 0 ? "required" : "on";
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "aio=io_uring,cache=none", "aio=io_uring", "aio=native,cache=none", "aio=threads", "dataplane=off", "sqpoll=on,cache=none",
        "aio=threads,iothreads=2,queues=2,throttling.iops-total=100000"
    })
    void shouldServeDisksByEachEngine(String drive) throws IOException, InterruptedException {
        Path disk = BuiltInGuest.disk(directory, 256);
        try (HvProcess hv = run(List.of(), "blocks=64", "--smp", "2", "--rng", "--drive", "file=" + disk + "," + drive,
                "--sandbox", required())) {
            assertEquals(0, hv.await(), hv::texts);
            assertTrue(hv.out().contains("result: ok"), hv::texts);
            assertEquals("", hv.err());
        }
    }

    /** Whoever removes them may do that in the sandbox, and has the time to, whatever ends hv. */
    @ParameterizedTest
    @ValueSource(strings = {"quit", "TERM", "INT"})
    void shouldRemoveItsSocketsHoweverItEnds(String how) throws IOException, InterruptedException {
        Path sockets = Files.createTempDirectory("hv-test");
        try (HvProcess hv = run(List.of(), "mode=echo", "--nic", "socket,listen=unix:" + sockets.resolve("n"), "--qmp",
                "unix:" + sockets.resolve("q"), "--metrics", "unix:" + sockets.resolve("m"), "--port",
                "name=p,backend=unix:" + sockets.resolve("p"), "--monitor", "stdio", "--console", "none", "--sandbox", required())) {
            hv.awaitOut("(hv)");
            assertEquals(4, sockets.toFile().list().length);
            if (how.equals("quit")) {
                hv.type("quit\n");
            } else {
                new ProcessBuilder("kill", "-" + how, Long.toString(hv.pid())).start().waitFor();
            }
            hv.await();
            assertEquals(List.of(), List.of(sockets.toFile().list()), hv::texts);
        } finally {
            for (Path left : Files.list(sockets).toList()) {
                Files.delete(left);
            }
            Files.delete(sockets);
        }
    }

    /** A guest without a driver for them: they are there while it runs, for their owner alone, and gone at the end. */
    @ParameterizedTest
    @ValueSource(strings = {"pci", "mmio"})
    void shouldListenForPortsAndRemoveTheirSockets(String transport) throws IOException, InterruptedException {
        Path sockets = Files.createTempDirectory("hv-test");
        Path disk = BuiltInGuest.disk(directory, 256);
        try (HvProcess hv = run(List.of(), "mode=hold blocks=8 every=1", "--virtio", transport, "--drive", "file=" + disk,
                "--virtconsole", "unix:" + sockets.resolve("c"), "--port", "name=org.example.0,backend=unix:" + sockets.resolve("p"),
                "--monitor", "stdio", "--console", "none", "--sandbox", required())) {
            hv.awaitOut("(hv)");
            for (String name : List.of("c", "p")) {
                assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(sockets.resolve(name))));
                SocketChannel.open(UnixDomainSocketAddress.of(sockets.resolve(name))).close();
            }
            hv.type("info chardev\nquit\n");
            assertEquals(0, hv.await(), hv::texts);
            assertTrue(hv.out().contains("serial0: filename=null\nvirtcon0: filename="), hv::texts);
            assertEquals(0, sockets.toFile().list().length);
            assertEquals("", hv.err());
        }
        Files.delete(sockets);
    }

    @Test
    void shouldTalkOnASocketAndRemoveIt() throws IOException, InterruptedException {
        Path socket = Files.createTempDirectory("hv-test").resolve("s"); // a socket's path has to be short
        try (HvProcess hv = run(List.of(), "mode=echo", "--console", "unix:" + socket)) {
            try (SocketChannel client = connect(socket, hv)) {
                // What comes before the guest has set its port up is lost.
                for (int i = 0; Files.exists(socket) && i < 600; i++) {
                    try {
                        client.write(ByteBuffer.wrap(new byte[] {4}));
                    } catch (IOException e) {
                        break; // it has ended
                    }
                    Thread.sleep(100);
                }
                assertEquals(0, hv.await(), hv::texts);
            }
            assertFalse(Files.exists(socket), hv::texts);
        } finally {
            Files.deleteIfExists(socket);
            Files.delete(socket.getParent());
        }
    }

    private static SocketChannel connect(Path socket, HvProcess hv) throws IOException, InterruptedException {
        for (int i = 0; ; i++) {
            SocketChannel client = SocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                client.connect(UnixDomainSocketAddress.of(socket));
                return client;
            } catch (IOException e) {
                client.close();
                assertTrue(i < 6000, hv::texts);
                Thread.sleep(10);
            }
        }
    }

    /** Clients are served inside, and told why a file is out of reach. */
    @Test
    void shouldTellAClientWhyItsMirrorIsRefused() throws IOException, InterruptedException {
        assumeTrue(Landlock.version() > 0, "this kernel has no Landlock");
        Path disk = BuiltInGuest.disk(directory, 64);
        Path outside = Files.createTempDirectory("hv-test");
        Path socket = outside.resolve("s"); // a socket's path has to be short
        Path copy = Files.createDirectory(outside.resolve("copies")).resolve("copy.img");
        try (HvProcess hv = run(List.of(), "mode=echo", "--drive", "file=" + disk + ",id=d", "--qmp", "unix:" + socket)) {
            hv.awaitOut("Control-D ends");
            try (SocketChannel client = connect(socket, hv)) {
                client.write(ByteBuffer.wrap(("{'execute': 'qmp_capabilities'}\n{'execute': 'drive-mirror', 'arguments':"
                        + " {'device': 'd', 'target': '" + copy + "', 'sync': 'full', 'format': 'raw'}}\n").getBytes()));
                StringBuilder said = new StringBuilder();
                ByteBuffer bytes = ByteBuffer.allocate(4096);
                while (said.indexOf("GenericError") < 0 && client.read(bytes.clear()) > 0) {
                    said.append(new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII));
                }
                assertTrue(said.indexOf("Could not create '" + copy + "': outside of the sandbox; start hv with --sandbox-path "
                        + copy.getParent() + ", or with --sandbox off") >= 0, said::toString);
            }
            assertFalse(Files.exists(copy));
            hv.type("\u0004");
            assertEquals(0, hv.await(), hv::texts);
        } finally {
            Files.deleteIfExists(socket);
            Files.delete(copy.getParent());
            Files.delete(outside);
        }
    }

    /** What needs a privilege or a program is refused with the way out, and that way leads on: a tap and a socket that are handed in. */
    @Test
    void shouldTakeInterfacesThatAreHandedIn() throws IOException, InterruptedException {
        Path outside = Files.createTempDirectory("hv-test");
        Path path = outside.resolve("s");
        UnixSocket[] pair = UnixSocket.pair();
        try (HvProcess hv = run(List.of(), "mode=echo", "--qmp", "unix:" + path, "--sandbox", required())) {
            hv.awaitOut("Control-D ends");
            connect(path, hv).close();
            try (UnixSocket client = UnixSocket.connect(path.toString()); var _ = pair[0]; UnixSocket its = pair[1]) {
                ask(client, "");                                            // the greeting
                ask(client, "{'execute': 'qmp_capabilities'}");
                for (String[] refused : new String[][] {{"'user'", "starts no program"}, {"'tap', 'ifname': 't'", "makes no tap"},
                        {"'socket', 'listen': '127.0.0.1:1'", "listens at nothing new"},
                        {"'socket', 'connect': '127.0.0.1:1'", "connects to nothing on the network"}}) {
                    String answer = ask(client, "{'execute': 'netdev_add', 'arguments': {'id': 'n', 'type': " + refused[0] + "}}");
                    assertTrue(answer.contains(refused[1]) && answer.contains("or use --sandbox off"), answer);
                }
                ask(client, "{'execute': 'netdev_add', 'arguments': {'id': 'c', 'type': 'socket', 'connect': 'unix:" + path + "'}}");
                String refused = ask(client, "{'execute': 'device_add', 'arguments': {'driver': 'virtio-net-pci', 'netdev': 'c'}}");
                assertTrue(refused.contains("use --shared-memory"), refused);

                plug(client, "socket", its.number());
                try (Fd tap = tap()) {
                    if (tap != null) {
                        plug(client, "tap", tap.number());
                    }
                }
            }
            hv.type("\u0004");
            assertEquals(0, hv.await(), hv::texts);
        } finally {
            Files.deleteIfExists(path);
            Files.delete(outside);
        }
    }

    private static void plug(UnixSocket client, String type, int fd) {
        String done = "{\"return\":{}}";
        assertEquals(done, ask(client, "{'execute': 'getfd', 'arguments': {'fdname': 'f'}}", fd));
        assertEquals(done, ask(client, "{'execute': 'netdev_add', 'arguments': {'id': 'n" + type + "', 'type': '" + type + "', 'fd': 'f'}}"));
        assertEquals(done, ask(client, "{'execute': 'device_add', 'arguments': {'driver': 'virtio-net-pci', 'netdev': 'n" + type
                + "', 'id': '" + type + "'}}"));
        String shown = ask(client, "{'execute': 'human-monitor-command', 'arguments': {'command-line': 'info network'}}");
        assertTrue(shown.contains(type + ": model=virtio-net"), shown);
    }

    /** One of this process's, or null where it may not make one. */
    private static Fd tap() {
        int number = Fd.tryOpen(Tun.DEVICE, Fd.O_RDWR | Fd.O_NONBLOCK, 0);
        if (number < 0) {
            return null;
        }
        Fd tap = Fd.adopt(number);
        if (Tun.attach(number, "hvtest%d", Tun.IFF_TAP | Tun.IFF_NO_PI | Tun.IFF_VNET_HDR) < 0) {
            tap.close();
            return null;
        }
        return tap;
    }

    private static String ask(UnixSocket client, String command, int... fds) {
        byte[] text = (command.replace('\'', '"') + "\n").getBytes(StandardCharsets.US_ASCII);
        try (Arena arena = Arena.ofConfined(); ReceivedFds none = new ReceivedFds()) {
            MemorySegment bytes = arena.allocate(4096);
            client.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, text), fds);
            StringBuilder said = new StringBuilder();
            while (said.indexOf("\n") < 0) {
                assertTrue(Poll.poll(client.number(), Poll.POLLIN, 60_000) > 0, "no answer");
                int count = client.receive(bytes, none);
                assertTrue(count > 0, () -> "the end: " + count);
                said.append(new String(bytes.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8));
            }
            return said.toString().strip();
        }
    }

    /** JFR makes chunks, and at its end the file, after the sandbox is around it. */
    @Test
    void shouldRecordWhatTheCommandLineAskedFor() throws IOException, InterruptedException {
        Path file = directory.resolve("hv.jfr");
        Path temporary = Files.createDirectory(directory.resolve("tmp"));
        try (HvProcess hv = run(List.of("-XX:StartFlightRecording:filename=" + file, "-Djava.io.tmpdir=" + temporary),
                "mode=poweroff")) {
            assertEquals(0, hv.await(), hv::texts);
            assertTrue(Files.size(file) > 0, hv::texts);
            assertFalse(hv.texts().contains("Could not"), hv::texts);
        }
    }

    @Test
    void shouldSayWhatIsLostWithoutIt() throws IOException, InterruptedException {
        try (HvProcess hv = run(List.of(), "mode=poweroff", "--sandbox", "off")) {
            assertEquals(0, hv.await(), hv::texts);
            assertEquals("hv: --sandbox off: whoever breaks out of a guest has all that user " + System.getProperty("user.name")
                    + " has: files, programs, the network, other processes; leave it out, and next to nothing of that\n", hv.err());
        }
    }

    @Test
    void shouldRefuseWhatItDoesNotKnow() throws IOException, InterruptedException {
        try (HvProcess hv = run(List.of(), "mode=poweroff", "--sandbox", "maybe")) {
            assertEquals(2, hv.await(), hv::texts);
            assertEquals("hv: --sandbox maybe: unknown; use on, required or off\n", hv.err());
        }
        try (HvProcess hv = run(List.of(), "mode=poweroff", "--sandbox-path", "/no/such")) {
            assertEquals(2, hv.await(), hv::texts);
            assertEquals("hv: --sandbox-path /no/such: no such file; make it first, or name its directory\n", hv.err());
        }
    }

    /** The JVM's attach mechanism, where it listens from the start. */
    @Test
    void shouldAnswerJcmdWhereItListensFromTheStart() throws IOException, InterruptedException {
        assumeTrue(Files.isExecutable(Path.of(System.getProperty("java.home"), "bin", "jcmd")), "no jcmd in this JDK");
        try (HvProcess hv = run(List.of("-XX:+StartAttachListener"), "mode=echo")) {
            hv.awaitOut("Control-D ends");
            Process jcmd = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                    Long.toString(hv.pid()), "Thread.print").redirectErrorStream(true).start();
            String said = new String(jcmd.getInputStream().readAllBytes());
            assertEquals(0, jcmd.waitFor(), said);
            assertTrue(said.contains("\"vm0-vcpu0\""), said);
            hv.type("\u0004");
            assertEquals(0, hv.await(), hv::texts);
            Files.deleteIfExists(Path.of("/tmp/.java_pid" + hv.pid())); // which it cannot do itself
        }
    }
}
