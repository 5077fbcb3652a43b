// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.devices.net.tap.TapBackend;
import dev.miraflores.devices.net.tap.TapSetup;
import dev.miraflores.linux.NetInterface;
import dev.miraflores.virtio.ring.RingFeatures;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The device on a tap of this host's kernel: what the driver sends is UDP that a socket here receives, and the other way round, with checksums
 * left to the kernel and to the driver.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetOverTapTest extends NetFixture {

    // Addresses for documentation (RFC 5737), which no host has.
    private static final String HOST = "203.0.113.1";
    private static final byte[] HOST_BYTES = {(byte) 203, 0, 113, 1};
    private static final byte[] GUEST_BYTES = {(byte) 203, 0, 113, 2};
    private static final int GUEST_PORT = 4000;
    private static final int IPV4_AT = 14;
    private static final int UDP_AT = 34;
    private static final int PAYLOAD_AT = 42;
    private static final int NEEDS_CSUM = 1;
    /** Enough for what the host's kernel says besides. */
    private static final int BUFFERS = 100;

    private String name;

    private void openTap(long without, int queues) throws IOException, InterruptedException {
        TapBackend tap;
        try {
            tap = TapSetup.open("nic test", null, queues, null, 0);
        } catch (NetException e) {
            abort("this host or user has no taps: " + e.getMessage());
            return;
        }
        name = tap.interfaceName();
        device = VirtioNetDevice.open(config().withQueues(queues, 256), tap);
        driver = new NetDriver(device);
        assumeTrue(ip("address", "add", HOST + "/24", "dev", name), "this host has no ip(8)");
        // The guest answers no ARP.
        assertTrue(ip("neigh", "replace", "203.0.113.2", "lladdr", "52:54:00:12:34:56", "dev", name, "nud", "permanent"));
        driver.start(without);
    }

    private static boolean ip(String... words) throws IOException, InterruptedException {
        String[] command = new String[words.length + 1];
        command[0] = "ip";
        System.arraycopy(words, 0, command, 1, words.length);
        try {
            return new ProcessBuilder(command).inheritIO().start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    @AfterEach
    void shouldLeaveNoInterface() {
        closeAll();
        assertTrue(name == null || NetInterface.index(name) < 0);
    }

    /** UDP from the guest, its checksum left to who gets it: the field has the pseudo header's (virtio 1.3 §5.1.6.2.1). */
    private byte[] datagram(byte[] payload, int toPort, byte[] hostMac) {
        int udpBytes = 8 + payload.length;
        ByteBuffer frame = ByteBuffer.allocate(PAYLOAD_AT + payload.length);
        frame.put(hostMac);
        putAddress(frame.array(), 6, MAC);
        frame.position(12).putShort((short) 0x0800);
        frame.put((byte) 0x45).put((byte) 0).putShort((short) (20 + udpBytes)).putInt(0).put((byte) 64).put((byte) 17).putShort((short) 0)
                .put(GUEST_BYTES).put(HOST_BYTES);
        frame.putShort(IPV4_AT + 10, (short) ~sum(frame.array(), IPV4_AT, 20, 0));
        frame.position(UDP_AT);
        frame.putShort((short) GUEST_PORT).putShort((short) toPort).putShort((short) udpBytes);
        frame.putShort((short) sum(frame.array(), IPV4_AT + 12, 8, 17 + udpBytes)).put(payload);
        return frame.array();
    }

    /** The Internet checksum's sum, not complemented (RFC 1071). */
    private static int sum(byte[] bytes, int from, int count, int start) {
        int sum = start;
        for (int i = 0; i < count; i++) {
            sum += (bytes[from + i] & 255) << (i % 2 == 0 ? 8 : 0);
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        return sum;
    }

    private byte[] hostMac() throws IOException {
        String text = Files.readString(Path.of("/sys/class/net/" + name + "/address")).strip();
        byte[] mac = new byte[6];
        for (int i = 0; i < 6; i++) {
            mac[i] = (byte) Integer.parseInt(text.substring(3 * i, 3 * i + 2), 16);
        }
        return mac;
    }

    private static LongStream leftOut() {
        return LongStream.of(0, RingFeatures.RING_PACKED, NetFeatures.MRG_RXBUF, NetFeatures.GUEST_CSUM);
    }

    @ParameterizedTest
    @MethodSource("leftOut")
    void shouldTalkToASocketOfThisHost(long without) throws IOException, InterruptedException {
        openTap(without, 1);
        for (int i = 0; i < BUFFERS; i++) {
            driver.addReceive(0, 2048);
        }
        try (DatagramSocket socket = new DatagramSocket(new InetSocketAddress(InetAddress.getByName(HOST), 0))) {
            socket.setSoTimeout(10_000);
            for (int size : new int[] {1, 100, 1472}) {
                byte[] payload = Arrays.copyOf(frame(1500), size);
                driver.transmitted(0, header(NEEDS_CSUM, 0, 0, 0, UDP_AT, 6), datagram(payload, socket.getLocalPort(), hostMac()));
                DatagramPacket received = new DatagramPacket(new byte[2000], 2000);
                socket.receive(received);
                assertArrayEquals(payload, Arrays.copyOf(received.getData(), received.getLength()));
                assertEquals(GUEST_PORT, received.getPort());

                socket.send(new DatagramPacket(payload, size, InetAddress.getByAddress(GUEST_BYTES), GUEST_PORT));
                byte[] packet = udp();
                assertArrayEquals(payload, Arrays.copyOfRange(packet, NetHeader.BYTES + PAYLOAD_AT, NetHeader.BYTES + PAYLOAD_AT + size));
                boolean unfinished = (packet[0] & NEEDS_CSUM) != 0;
                assertTrue(!unfinished || (without & NetFeatures.GUEST_CSUM) == 0, "a checksum that the driver does not finish");
                if (!unfinished) {
                    byte[] frame = Arrays.copyOfRange(packet, NetHeader.BYTES, NetHeader.BYTES + PAYLOAD_AT + size);
                    assertEquals(0xFFFF, sum(frame, UDP_AT, 8 + size, sum(frame, IPV4_AT + 12, 8, 17 + 8 + size)));
                }
            }
        }
    }

    /** The next that is for the guest's port: the host's kernel says other things as well. */
    private byte[] udp() {
        while (true) {
            byte[] packet = driver.received(0);
            if (packet.length > NetHeader.BYTES + PAYLOAD_AT && packet[NetHeader.BYTES + 12] == 8 && packet[NetHeader.BYTES + 23] == 17
                    && ByteBuffer.wrap(packet).getShort(NetHeader.BYTES + UDP_AT + 2) == GUEST_PORT) {
                return packet;
            }
        }
    }

    /** VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, as ethtool -L has it (§5.1.6.5.5): the tap's queues come and go. */
    @Test
    void shouldChangeTheNumberOfQueues() throws IOException, InterruptedException {
        openTap(0, 4);
        for (int pairs : new int[] {4, 2, 3, 1}) {
            assertEquals(0, driver.command(4, 0, le16(pairs)));
            assertEquals(pairs, device.report().state().activePairs());
        }
    }
}
