// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.tap;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.devices.net.NetException;
import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.stream.Packets;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.NetInterface;
import dev.miraflores.linux.Tun;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TapSetupTest {

    @BeforeAll
    static void needsTaps() {
        int number = Fd.tryOpen(Tun.DEVICE, Fd.O_RDWR, 0);
        assumeTrue(number >= 0, "this host has no " + Tun.DEVICE + ", or not for this user");
        try (Fd _ = Fd.adopt(number)) {
            assumeTrue(Tun.attach(number, "hvs%d", Tun.IFF_TAP | Tun.IFF_NO_PI | Tun.IFF_VNET_HDR) == 0, "this user may make no tap");
        }
    }

    private static String freeName(String prefix) {
        return prefix + ProcessHandle.current().pid() % 1_000_000;
    }

    @Test
    void shouldMakeATapAndBringItUp() {
        String name = freeName("hva");
        try (TapBackend tap = TapSetup.open("nic n", name, 1, null, 9000)) {
            assertEquals("tap,ifname=" + name, tap.description());
            assertEquals(1, NetInterface.isUp(name));
            assertEquals(9000, NetInterface.mtu(name));
            assertEquals(9000, tap.mtu());
            long tcp = NetFeatures.CSUM | NetFeatures.HOST_TSO4 | NetFeatures.GUEST_CSUM | NetFeatures.GUEST_TSO6;
            assertEquals(tcp, tap.offloads() & tcp);
            assertEquals(0, tap.offloads() & (NetFeatures.HOST_UFO | NetFeatures.GUEST_UFO));
            assertEquals(0, tap.setOffloads(tap.offloads() & NetFeatures.GUEST_OFFLOADS));
            assertEquals(0, tap.setOffloads(0));
        }
        assertEquals(-Errno.ENODEV, NetInterface.index(name));
    }

    @Test
    void shouldUseAsManyQueuesAsAreWanted() {
        try (TapBackend tap = TapSetup.open("nic n", null, 4, null, 0)) {
            assertEquals(4, tap.maxQueuePairs());
            assertEquals(0, tap.setActivePairs(4));
            assertEquals(0, tap.setActivePairs(2));
            assertEquals(0, tap.setActivePairs(3));
            assertEquals(-Errno.EINVAL, tap.setActivePairs(5));
            assertEquals(-Errno.EINVAL, tap.setActivePairs(0));
        }
    }

    @Test
    void shouldTakeOverADescriptor() {
        try (TapBackend first = TapSetup.open("nic n", null, 2, null, 0)) {
            int number = Fd.tryOpen(Tun.DEVICE, Fd.O_RDWR, 0);
            assertEquals(0, Tun.attach(number, first.interfaceName(),
                    Tun.IFF_TAP | Tun.IFF_NO_PI | Tun.IFF_VNET_HDR | Tun.IFF_MULTI_QUEUE));
            try (TapBackend tap = TapSetup.adopt("nic n", List.of(number), null, 0)) {
                assertEquals(first.interfaceName(), tap.interfaceName());
            }
        }
    }

    @Test
    void shouldSayWhichDescriptorIsNone() {
        Fd file = Fd.open("/dev/null", Fd.O_RDWR);
        String refusal = assertThrows(NetException.class, () -> TapSetup.adopt("nic n", List.of(file.number()), null, 0)).getMessage();
        assertTrue(refusal.startsWith("nic n: fd=" + file.number() + ": not a tap's: TUNGETIFF: ENOTTY"), refusal);
        file.close();
        assertTrue(assertThrows(NetException.class, () -> TapSetup.adopt("nic n", List.of(1_000_000), null, 0)).getMessage()
                .contains("not open in this process"));
    }

    @Test
    void shouldSayThatABridgeIsNone() {
        assertTrue(assertThrows(NetException.class, () -> TapSetup.open("nic n", null, 1, "hv-none", 0)).getMessage()
                .contains("ip link add hv-none type bridge"));
        assertTrue(assertThrows(NetException.class, () -> TapSetup.open("nic n", null, 1, "lo", 0)).getMessage()
                .contains("bridge=lo: not a bridge"));
        assertTrue(assertThrows(NetException.class, () -> TapSetup.open("nic n", "lo", 1, null, 0)).getMessage()
                .contains("no tap"));
    }

    @Test
    void shouldSayThatSomebodyElseHasIt() {
        try (TapBackend tap = TapSetup.open("nic n", null, 1, null, 0)) {
            String name = tap.interfaceName();
            assertTrue(assertThrows(NetException.class, () -> TapSetup.open("nic n", name, 1, null, 0)).getMessage().contains("EBUSY"));
        }
    }

    /** What is sent on one port of a bridge comes out at the other, with the header that says what is left to do. */
    @Test
    void shouldCarryFramesOverABridge() throws IOException, InterruptedException {
        String bridge = freeName("hvb");
        assumeTrue(ip("link", "add", bridge, "type", "bridge"), "this host has no ip(8), or no bridges");
        try (TapBackend a = TapSetup.open("a", null, 1, bridge, 0); TapBackend b = TapSetup.open("b", null, 1, bridge, 0)) {
            assertTrue(ip("link", "set", bridge, "up"));
            Packets packets = new Packets();
            byte[] frame = Packets.frame(1000, 3);
            Arrays.fill(frame, 0, 6, (byte) 0xFF);
            frame[6] = 0x52;
            // A protocol that nobody speaks: for experiments (IEEE 802).
            frame[12] = (byte) 0x88;
            frame[13] = (byte) 0xB5;
            byte[] received = null;
            for (int i = 0; i < 1000 && (received == null || !Arrays.equals(frame, received)); i++) {
                // The port may take a moment to forward.
                assertTrue(packets.send(a.port(0), frame, 100) > 0);
                Thread.sleep(5);
                received = packets.receive(b.port(0), 500, false);
            }
            assertNotNull(received);
            assertArrayEquals(frame, received);
        } finally {
            ip("link", "del", bridge);
        }
    }

    private static boolean ip(String... words) throws IOException, InterruptedException {
        String[] command = new String[words.length + 1];
        command[0] = "ip";
        System.arraycopy(words, 0, command, 1, words.length);
        try {
            return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start()
                    .waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void shouldAskOfTheKernelWhatGoesTogether() {
        long all = NetFeatures.GUEST_OFFLOADS;
        assertEquals(Tun.F_CSUM | Tun.F_TSO4 | Tun.F_TSO6 | Tun.F_TSO_ECN | Tun.F_USO4 | Tun.F_USO6, TapBackend.tunOffloads(all));
        assertEquals(0, TapBackend.tunOffloads(all & ~NetFeatures.GUEST_CSUM));
        assertEquals(Tun.F_CSUM, TapBackend.tunOffloads(NetFeatures.GUEST_CSUM | NetFeatures.GUEST_ECN | NetFeatures.GUEST_USO4));
    }
}
