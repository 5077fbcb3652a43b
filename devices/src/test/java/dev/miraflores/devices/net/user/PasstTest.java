// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.user;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.devices.net.NetException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Poll;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class PasstTest {

    private static void needsPasst() {
        assumeTrue(Passt.find() != null, "this host has no passt: install the package passt");
    }

    private static Passt start(UserNetwork network) {
        needsPasst();
        try {
            return Passt.start("nic n", network);
        } catch (NetException e) {
            assumeTrue(!e.getMessage().contains("xternal interface") && !e.getMessage().contains("namespace"),
                    "passt does not run on this host: " + e.getMessage());
            throw e;
        }
    }

    /** DHCP as a guest does it: the offer is QEMU's address, router and network. */
    @Test
    void shouldOfferAnAddress() {
        try (Passt passt = start(UserNetwork.of(List.of())); Fd socket = Fd.adopt(passt.next()); Arena arena = Arena.ofConfined()) {
            assertEquals(-1, passt.next());
            MemorySegment buffer = arena.allocate(4096);
            byte[] discover = discover();
            MemorySegment.copy(discover, 0, buffer, ValueLayout.JAVA_BYTE, 0, discover.length);
            assertEquals(discover.length, FileIo.write(socket.number(), buffer.asSlice(0, discover.length)));
            byte[] answer = null;
            while (answer == null) {
                assertTrue(Poll.poll(socket.number(), Poll.POLLIN, 20_000) > 0, "passt does not answer");
                long rc = FileIo.read(socket.number(), buffer.address(), 4096);
                assertTrue(rc > 0, "passt is gone: " + rc);
                ByteBuffer bytes = ByteBuffer.wrap(buffer.asSlice(0, rc).toArray(ValueLayout.JAVA_BYTE));
                while (bytes.remaining() > 4) {
                    byte[] frame = new byte[bytes.getInt()];
                    bytes.get(frame);
                    answer = frame[23] == 17 && frame[37] == 68 ? frame : answer;
                }
            }
            // BOOTP's yiaddr, RFC 2131 §2: 16 bytes into what follows Ethernet, IPv4 and UDP.
            assertEquals("10.0.2.15", dotted(answer, 14 + 20 + 8 + 16));
            assertEquals("10.0.2.2", option(answer, 3));
            assertEquals("255.255.255.0", option(answer, 1));
        }
    }

    private static String dotted(byte[] frame, int at) {
        return (frame[at] & 255) + "." + (frame[at + 1] & 255) + "." + (frame[at + 2] & 255) + "." + (frame[at + 3] & 255);
    }

    private static String option(byte[] frame, int code) {
        for (int at = 14 + 20 + 8 + 240; at < frame.length && frame[at] != -1; at += 2 + frame[at + 1]) {
            if (frame[at] == code) {
                return dotted(frame, at + 2);
            }
        }
        return null;
    }

    private static byte[] discover() {
        byte[] bootp = new byte[300];
        ByteBuffer.wrap(bootp).put((byte) 1).put((byte) 1).put((byte) 6).put((byte) 0).putInt(0x1234)
                .position(28).put(new byte[] {0x52, 0x54, 0, 0x12, 0x34, 0x56})
                .position(236).putInt(0x63825363).put(new byte[] {53, 1, 1, -1});
        ByteBuffer frame = ByteBuffer.allocate(4 + 14 + 20 + 8 + bootp.length).putInt(14 + 20 + 8 + bootp.length);
        frame.put(new byte[] {-1, -1, -1, -1, -1, -1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8, 0});
        frame.put((byte) 0x45).put((byte) 0).putShort((short) (28 + bootp.length)).putInt(0).put((byte) 64).put((byte) 17)
                .putShort((short) 0).putInt(0).putInt(-1);
        int sum = 0;
        for (int at = 18; at < 38; at += 2) {
            sum += frame.getShort(at) & 0xFFFF;
        }
        frame.putShort(28, (short) ~((sum & 0xFFFF) + (sum >> 16)));
        frame.putShort((short) 68).putShort((short) 67).putShort((short) (8 + bootp.length)).putShort((short) 0).put(bootp);
        return frame.array();
    }

    @Test
    void shouldListenForWhatLeadsToTheGuest() throws IOException, InterruptedException {
        needsPasst();
        int port;
        try (ServerSocket any = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = any.getLocalPort();
        }
        UserNetwork network = UserNetwork.of(List.of(new PortForward(false, "127.0.0.1", port, 22)));
        try (Passt passt = start(network)) {
            assertEquals("user,hostfwd=tcp:127.0.0.1:" + port + "-:22", passt.description());
            // The port is taken from the moment that it runs, and a second one says so.
            NetException refusal = assertThrows(NetException.class, () -> Passt.start("nic n", network));
            assertTrue(refusal.getMessage().contains("passt refuses: ") && refusal.getMessage().contains(Integer.toString(port)),
                    refusal::getMessage);
        }
        // It ends by itself when we let go of it, and then the port is free.
        for (int i = 0; ; i++) {
            try (ServerSocket _ = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
                return;
            } catch (IOException e) {
                assertTrue(i < 500, "passt lives on");
                Thread.sleep(20);
            }
        }
    }

    @Test
    void shouldSayItInItsWords() {
        UserNetwork network = new UserNetwork("10.9.0.15", 16, "10.9.0.1", true, false, 1400,
                List.of(new PortForward(false, "", 80, 8080), new PortForward(true, "::1", 53, 5353), new PortForward(false, "127.0.0.1", 1, 2)));
        assertEquals("--address 10.9.0.15 --netmask 16 --gateway 10.9.0.1 --ipv4-only --mtu 1400"
                + " --tcp-ports 80:8080 --tcp-ports 127.0.0.1/1:2 --udp-ports ::1/53:5353", String.join(" ", network.arguments()));
        assertTrue(String.join(" ", UserNetwork.of(List.of()).arguments()).endsWith("--tcp-ports none --udp-ports none"));
    }

    @Test
    void shouldFindTheReasonAmongWhatItSays() {
        assertEquals("Invalid port", Passt.lastLine("Starting\nInvalid port\nFailed to send 9 bytes to syslog\n\n"));
        assertEquals("", Passt.lastLine(""));
    }
}
