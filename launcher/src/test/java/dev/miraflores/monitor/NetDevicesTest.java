// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.linux.Poll;
import dev.miraflores.linux.ReceivedFds;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.machine.NicConfig;
import dev.miraflores.monitor.hmp.HmpCommands;
import dev.miraflores.monitor.qmp.QmpCommands;
import dev.miraflores.monitor.qmp.QmpServer;
import dev.miraflores.monitor.socket.ClientServer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** netdevs, and descriptors that a client hands in, over a socket of its own. */
@Timeout(60)
class NetDevicesTest {

    private final FakeMachine machine = new FakeMachine();
    private final Monitor monitor = new Monitor(machine);
    private final StringBuilder unread = new StringBuilder();
    private Path directory;
    private ClientServer server;
    private UnixSocket client;

    @BeforeEach
    void connect() throws IOException {
        directory = Files.createTempDirectory("hv-test");
        server = ClientServer.unix("qmp", directory.resolve("s"), 4);
        server.start(new QmpServer(monitor, new QmpCommands(monitor, "1")));
        client = UnixSocket.connect(directory.resolve("s").toString());
        line();
        ask("{'execute': 'qmp_capabilities'}");
    }

    @AfterEach
    void close() throws IOException {
        client.close();
        server.close();
        monitor.ended(new StopCause.PowerOff());
        Files.delete(directory);
    }

    private String ask(String command, int... fds) {
        byte[] text = (command.replace('\'', '"') + "\n").getBytes(StandardCharsets.US_ASCII);
        try (Arena arena = Arena.ofConfined()) {
            assertEquals(text.length, client.send(arena.allocateFrom(ValueLayout.JAVA_BYTE, text), fds));
        }
        return line();
    }

    private String line() {
        try (Arena arena = Arena.ofConfined(); ReceivedFds none = new ReceivedFds()) {
            MemorySegment bytes = arena.allocate(4096);
            while (unread.indexOf("\n") < 0) {
                assertTrue(Poll.poll(client.number(), Poll.POLLIN, 30_000) > 0, "no answer");
                int count = client.receive(bytes, none);
                assertTrue(count > 0, () -> "the end: " + count);
                unread.append(new String(bytes.asSlice(0, count).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8));
            }
        }
        String line = unread.substring(0, unread.indexOf("\n"));
        unread.delete(0, line.length() + 1);
        return line.strip();
    }

    private String refused(String command) {
        String answer = ask(command);
        assertTrue(answer.contains("\"error\""), answer);
        return answer.replaceFirst(".*\"desc\": ?\"", "").replaceFirst("\"}}$", "");
    }

    private void done(String command, int... fds) {
        String answer = ask(command, fds);
        assertTrue(answer.contains("\"return\""), answer);
    }

    private static String netdev(String rest) {
        return "{'execute': 'netdev_add', 'arguments': {" + rest + "}}";
    }

    private static String device(String rest) {
        return "{'execute': 'device_add', 'arguments': {'driver': 'virtio-net-pci', " + rest + "}}";
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
            return fds.count();
        }
    }

    private String added() {
        String last = machine.told.getLast();
        assertTrue(last.startsWith("add "), last);
        return last.substring(4);
    }

    @Test
    void shouldMakeInterfacesOfNetdevs() {
        done(netdev("'type': 'stream', 'id': 'n', 'server': false, 'reconnect-ms': 7, 'addr': {'type': 'unix', 'path': '/run/a,b'}"));
        done(device("'netdev': 'n', 'id': 'net1', 'mac': '52:54:00:00:00:01', 'host_mtu': 1400, 'mrg_rxbuf': 'off', 'bus': 'pci.0'"));
        assertEquals(NicConfig.parse("socket,connect=unix:/run/a,,b,reconnect-ms=7,id=net1,mac=52:54:00:00:00:01,mtu=1400,mrg_rxbuf=off"),
                NicConfig.parse(added()));
        done(netdev("'type': 'user', 'id': 'u', 'hostfwd': [{'str': 'tcp:127.0.0.1:22-:22'}, {'str': 'udp::53-:53'}], 'ipv6': false"));
        done(device("'netdev': 'u'"));
        assertTrue(added().startsWith("user,ipv6=off,hostfwd=tcp:127.0.0.1:22-:22,hostfwd=udp::53-:53"), added());
        done(netdev("'type': 'stream', 'id': 'i', 'server': true, 'addr': {'type': 'inet', 'host': '::1', 'port': '7'}"));
        done(device("'netdev': 'i'"));
        assertTrue(added().startsWith("socket,listen=[::1]:7"), added());
        HmpCommands hmp = new HmpCommands(monitor, "1");
        assertEquals("", hmp.run("netdev_add user,id=h,hostfwd=tcp::1-:1,hostfwd=tcp::2-:2"));
        assertEquals("", hmp.run("device_add virtio-net-pci,netdev=h,id=hmp"));
        assertTrue(added().startsWith("user,hostfwd=tcp::1-:1,hostfwd=tcp::2-:2"), added());
        assertEquals(List.of("n", "u", "i", "h"), hmp.candidates(List.of("netdev_del")));
    }

    @Test
    void shouldRefuseInQemusWords() {
        assertEquals("Parameter 'type' does not accept value 'l2tpv3'", refused(netdev("'type': 'l2tpv3', 'id': 'n'")));
        assertEquals("Parameter 'id' expects an identifier", refused(netdev("'type': 'user', 'id': '1'")));
        assertEquals("Parameter 'addr.type' is missing", refused(netdev("'type': 'stream', 'id': 'n'")));
        assertEquals("Invalid parameter type for 'hostfwd', expected: string",
                refused(netdev("'type': 'user', 'id': 'n', 'hostfwd': [{'str': 1}]")));
        assertTrue(refused(netdev("'type': 'user', 'id': 'n', 'smb': '/'")).startsWith("netdev_add user: smb= is not built"));
        assertTrue(refused(netdev("'type': 'vhost-user', 'id': 'n', 'chardev': 'c'")).contains("give hv --nic vhost-user=PATH"));
        assertTrue(refused(netdev("'type': 'tap', 'id': 'n', 'fd': '5'")).startsWith("fd=5: a number may be any descriptor of hv's own"));
        assertEquals("File descriptor named 'x' not found", refused(netdev("'type': 'tap', 'id': 'n', 'fd': 'x'")));
        assertEquals("netdev property not set", refused(device("'id': 'd'")));
        assertEquals("Property 'virtio-net-pci.netdev' can't find value 'n'", refused(device("'netdev': 'n'")));
        done(netdev("'type': 'user', 'id': 'n'"));
        assertEquals("Duplicate ID 'n' for netdev", refused(netdev("'type': 'user', 'id': 'n'")));
        assertEquals("Property 'virtio-net-pci.colour' not found", refused(device("'netdev': 'n', 'colour': 'red'")));
        assertTrue(refused(device("'netdev': 'n', 'mac': 'x'")).startsWith("device_add user: mac=x: not an Ethernet address"));
        done(device("'netdev': 'n', 'id': 'd'"));
        assertEquals("Property 'virtio-net-pci.netdev' can't take value 'n', it's in use", refused(device("'netdev': 'n'")));
        assertEquals("Device 'd' uses netdev 'n'; device_del it first", refused("{'execute': 'netdev_del', 'arguments': {'id': 'n'}}"));
        monitor.nicRemoved("d");
        line();                                         // DEVICE_DELETED, twice
        assertTrue(line().contains("DEVICE_DELETED"));
        done("{'execute': 'netdev_del', 'arguments': {'id': 'n'}}");
        assertEquals("Device 'n' not found", refused("{'execute': 'netdev_del', 'arguments': {'id': 'n'}}"));
    }

    @Test
    void shouldTakeDescriptorsAndGiveThemBack() throws IOException {
        UnixSocket[] pair = UnixSocket.pair();
        try (UnixSocket ours = pair[0]; UnixSocket other = pair[1]) {
            long before = descriptors();
            assertEquals("No file descriptor supplied via SCM_RIGHTS", refused("{'execute': 'getfd', 'arguments': {'fdname': 'a'}}"));
            done("{'execute': 'getfd', 'arguments': {'fdname': 'a'}}", ours.number());
            done("{'execute': 'getfd', 'arguments': {'fdname': 'a'}}", ours.number());  // in its place
            assertEquals(before + 1, descriptors());
            assertTrue(ask("{'execute': 'getfd', 'arguments': {'fdname': '1'}}", ours.number()).contains("not starting with a digit"));
            done("{'execute': 'query-status'}", ours.number(), ours.number());          // what nobody takes
            assertEquals(before + 3, descriptors());
            done("{'execute': 'query-status'}", ours.number());                         // makes place for the next
            assertEquals(before + 2, descriptors());

            done(netdev("'type': 'stream', 'id': 'n', 'addr': {'type': 'fd', 'str': 'a'}"));
            assertEquals("File descriptor named 'a' not found", refused("{'execute': 'closefd', 'arguments': {'fdname': 'a'}}"));
            done(device("'netdev': 'n', 'id': 'd'"));
            assertTrue(added().startsWith("socket,fd="), added());
            assertEquals(before + 2, descriptors(), "the machine has a copy, and this one closes it");
            monitor.nicRemoved("d");
            line();
            line();
            refused(device("'netdev': 'n', 'mac': 'x'"));
            assertEquals(before + 2, descriptors());
            done(device("'netdev': 'n', 'id': 'd'"));
            monitor.nicRemoved("d");
            line();
            line();
            done("{'execute': 'netdev_del', 'arguments': {'id': 'n'}}");
            assertEquals(before + 1, descriptors());

            done("{'execute': 'getfd', 'arguments': {'fdname': 'b'}}", ours.number());
            done("{'execute': 'closefd', 'arguments': {'fdname': 'b'}}");
            done("{'execute': 'getfd', 'arguments': {'fdname': 'c'}}", ours.number());
            done("{'execute': 'query-status'}");
            monitor.ended(new StopCause.PowerOff());
            assertEquals(before, descriptors());
            assertTrue(other.isOpen());
        }
    }

    @Test
    void shouldCloseWhatARefusedNetdevHasTaken() throws IOException {
        UnixSocket[] pair = UnixSocket.pair();
        try (UnixSocket ours = pair[0]; UnixSocket other = pair[1]) {
            long before = descriptors();
            for (String fds : List.of("a:nosuch", "a:a", "a:7")) {
                done("{'execute': 'getfd', 'arguments': {'fdname': 'a'}}", ours.number());
                refused(netdev("'type': 'tap', 'id': 't', 'fds': '" + fds + "'"));
                assertEquals(before, descriptors(), fds);
            }
            assertTrue(other.isOpen());
        }
    }

    /** The second descriptor of a message is not the next command's. */
    @Test
    void shouldTakeADescriptorOfItsOwnMessageAlone() {
        UnixSocket[] pair = UnixSocket.pair();
        try (UnixSocket one = pair[0]; UnixSocket other = pair[1]) {
            done("{'execute': 'getfd', 'arguments': {'fdname': 'a'}}", one.number(), other.number());
            assertEquals("No file descriptor supplied via SCM_RIGHTS", refused("{'execute': 'getfd', 'arguments': {'fdname': 'b'}}"));
        }
    }

    /** What has gone keeps its id until the monitor has heard of it, and with the id what was behind it. */
    @Test
    void shouldNotReuseAnIdBeforeItIsFree() {
        done(netdev("'type': 'user', 'id': 'n'"));
        done(netdev("'type': 'user', 'id': 'm'"));
        done(device("'netdev': 'n', 'id': 'd'"));
        assertEquals("Duplicate device ID 'd'", refused(device("'netdev': 'm', 'id': 'd'")));
        monitor.nicRemoved("d");
        line();
        line();
        done(device("'netdev': 'm', 'id': 'd'"));
    }

    /** What a client has sent and nobody has taken goes with it. */
    @Test
    void shouldCloseWhatAClientLeaves() throws Exception {
        UnixSocket[] pair = UnixSocket.pair();
        try (UnixSocket other = pair[1]) {
            try (UnixSocket ours = pair[0]) {
                done("{'execute': 'query-status'}", ours.number());
            }
            client.close();
            assertTrue((Poll.poll(other.number(), Poll.POLLIN, 10_000) & Poll.POLLHUP) != 0, "it is still open somewhere");
            client = UnixSocket.connect(directory.resolve("s").toString());
        }
    }
}
