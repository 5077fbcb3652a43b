// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.net.ReceiveFilter.Mode;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.RingFeatures;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The control queue (virtio 1.3 §5.1.6.5). */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class NetControlTest extends NetFixture {

    private static final int OK = 0;
    private static final int ERR = 1;
    private static final int NOTHING = -1;
    private static final int RX = 0;
    private static final int MAC_CLASS = 1;
    private static final int VLAN = 2;
    private static final int GUEST_OFFLOADS = 5;
    private static final long OTHER = 0x52_54_00_aa_bb_ccL;
    private static final long GROUP = 0x33_33_00_00_00_01L;

    private ReceiveFilter filter() {
        return device.report().state().filter();
    }

    private static byte[] table(int unicasts, int multicasts) {
        ByteBuffer data = ByteBuffer.allocate(8 + 6 * (unicasts + multicasts)).order(ByteOrder.LITTLE_ENDIAN);
        data.putInt(unicasts);
        for (int i = 0; i < unicasts; i++) {
            data.put(new byte[] {2, 0, 0, 0, 0, (byte) i});
        }
        data.putInt(multicasts);
        for (int i = 0; i < multicasts; i++) {
            data.put(new byte[] {3, 0, 0, 0, 0, (byte) i});
        }
        return data.array();
    }

    private static byte[] le64(long value) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, RingFeatures.RING_PACKED})
    @Tag("virtio:5.1.6.5.1.1/rx")
    @Tag("virtio:5.1.6.5.1.1/rx-extra")
    void shouldSetModes(long without) {
        open(config(), 0);
        driver.start(without);
        assertTrue(filter().has(Mode.PROMISCUOUS));
        for (Mode mode : Mode.values()) {
            assertEquals(OK, driver.command(RX, mode.ordinal(), new byte[] {1}));
            assertTrue(filter().has(mode));
            assertEquals(OK, driver.command(RX, mode.ordinal(), new byte[] {0}));
            assertFalse(filter().has(mode));
        }
        assertEquals(ERR, driver.command(RX, 6, new byte[] {1}));
        assertEquals(ERR, driver.command(RX, 0, new byte[] {2}));
        assertEquals(ERR, driver.command(RX, 0, new byte[0]));
        assertEquals(ERR, driver.command(RX, 0, new byte[] {1, 0}));
        assertEquals(12, device.report().commands());
        assertEquals(4, device.report().refused());
    }

    /** A back end that took a part of it has it back as it was. */
    @Test
    void shouldUndoWhatTheBackEndRefuses() {
        open(config().withQueues(2, 64), 0);
        driver.start(0);
        backend.calls.clear();
        backend.answer = -22;
        assertEquals(ERR, driver.command(4, 0, new byte[] {2, 0}));
        assertEquals("pairs 2", backend.calls.getFirst());
        assertEquals("pairs 1", backend.calls.getLast());
        assertEquals(1, device.report().state().activePairs());
    }

    /** virtio 1.3 §5.1.6.5.2: what the driver sets is what packets are compared with. */
    @Test
    @Tag("virtio:5.1.6.5.2.1/mac")
    @Tag("virtio:5.1.6.5.2.1/table")
    void shouldSetAddresses() {
        open(config(), 0);
        AtomicInteger changes = new AtomicInteger();
        device.setEvents(new NetEvents() {
            @Override
            public void filterChanged(VirtioNetDevice which) {
                changes.incrementAndGet();
            }
        });
        driver.start(0);
        byte[] address = new byte[6];
        putAddress(address, 0, OTHER);
        assertEquals(OK, driver.command(MAC_CLASS, 1, address));
        assertEquals(0xccbbaa_005452L, device.readConfig(0, 4) & 0xffff_ffffL | device.readConfig(4, 2) << 32);
        assertEquals(OK, driver.command(RX, 0, new byte[] {0}));
        assertEquals(OK, driver.command(MAC_CLASS, 0, table(1, 2)));
        assertEquals(3, changes.get());
        for (int i = 0; i < 4; i++) {
            driver.addReceive(0, 2048);
        }
        for (long to : new long[] {MAC, OTHER, GROUP, 0x02_00_00_00_00_00L, 0x03_00_00_00_00_02L, 0x03_00_00_00_00_01L}) {
            backend.inject(0, PLAIN, frameTo(to));
        }
        assertArrayEquals(frameTo(OTHER), driver.receivedFrame(0));
        assertArrayEquals(frameTo(0x02_00_00_00_00_00L), driver.receivedFrame(0));
        assertArrayEquals(frameTo(0x03_00_00_00_00_01L), driver.receivedFrame(0));
        assertEquals(3, dropped(NetFault.FILTERED));
    }

    /** As QEMU does: what is too long to keep lets all of its kind through. */
    @Test
    @Tag("class:length")
    void shouldLetAllThroughWhereATableIsTooLong() {
        open(config(), 0);
        driver.start(0);
        assertEquals(OK, driver.command(MAC_CLASS, 0, table(60, 4)));
        assertEquals(60, filter().unicast().length);
        assertEquals(4, filter().multicast().length);
        assertEquals(OK, driver.command(MAC_CLASS, 0, table(60, 5)));
        assertFalse(filter().unicastOverflow());
        assertTrue(filter().multicastOverflow());
        assertEquals(OK, driver.command(MAC_CLASS, 0, table(65, 64)));
        assertTrue(filter().unicastOverflow());
        assertFalse(filter().multicastOverflow());
        assertEquals(OK, driver.command(MAC_CLASS, 0, table(0, 0)));
        assertFalse(filter().unicastOverflow());
    }

    @Test
    @Tag("class:length")
    void shouldRefuseTablesThatAreNot() {
        open(config(), 0);
        driver.start(0);
        assertEquals(OK, driver.command(MAC_CLASS, 0, table(1, 1)));
        assertEquals(ERR, driver.command(MAC_CLASS, 0, new byte[7]));
        byte[] longer = Arrays.copyOf(table(1, 1), 21);
        assertEquals(ERR, driver.command(MAC_CLASS, 0, longer));
        for (int entries : new int[] {2, 3, 0x2aaa_aaab, 0x7fff_ffff, -1, 0x8000_0000}) {
            byte[] data = table(1, 1);
            data[19] = 1; // which would be part of the second count, were there two addresses in the first table
            ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).putInt(0, entries);
            assertEquals(ERR, driver.command(MAC_CLASS, 0, data));
            byte[] second = table(1, 1);
            ByteBuffer.wrap(second).order(ByteOrder.LITTLE_ENDIAN).putInt(10, entries);
            assertEquals(ERR, driver.command(MAC_CLASS, 0, second));
        }
        assertEquals(ERR, driver.command(MAC_CLASS, 1, new byte[5]));
        assertEquals(ERR, driver.command(MAC_CLASS, 1, new byte[7]));
        assertEquals(ERR, driver.command(MAC_CLASS, 2, new byte[6]));
        assertEquals(1, filter().unicast().length);
        assertEquals(1, filter().multicast().length);
        assertEquals(MAC, filter().mac());
    }

    @Test
    void shouldKeepVlans() {
        open(config(), 0);
        driver.start(0);
        assertEquals(OK, driver.command(VLAN, 0, le16(0)));
        assertEquals(OK, driver.command(VLAN, 0, le16(4095)));
        assertEquals(ERR, driver.command(VLAN, 0, le16(4096)));
        assertEquals(ERR, driver.command(VLAN, 2, le16(1)));
        assertEquals(ERR, driver.command(VLAN, 0, new byte[] {1}));
        assertTrue(filter().hasVlan(4095));
        assertEquals(OK, driver.command(VLAN, 1, le16(4095)));
        assertFalse(filter().hasVlan(4095));
        assertTrue(filter().hasVlan(0));
    }

    /** virtio 1.3 §5.1.6.5.8. */
    @Test
    void shouldChangeOffloadsWhileItRuns() {
        open(config(), OFFLOADS);
        driver.start(NetFeatures.GUEST_UFO);
        driver.addReceive(0, 4096);
        assertEquals(OK, driver.command(GUEST_OFFLOADS, 0, le64(NetFeatures.GUEST_CSUM)));
        backend.inject(0, header(1, 1, 54, 1448, 34, 16), frame(2000));
        backend.inject(0, header(1, 0, 0, 0, 34, 16), frame(60));
        assertArrayEquals(frame(60), driver.receivedFrame(0));
        assertEquals(1, dropped(NetFault.OFFLOAD_NOT_NEGOTIATED));
        assertEquals(ERR, driver.command(GUEST_OFFLOADS, 0, le64(NetFeatures.GUEST_CSUM | NetFeatures.GUEST_UFO)));
        assertEquals(ERR, driver.command(GUEST_OFFLOADS, 0, le64(1L << 63)));
        assertEquals(ERR, driver.command(GUEST_OFFLOADS, 1, le64(0)));
        assertEquals(ERR, driver.command(GUEST_OFFLOADS, 0, new byte[7]));
        assertEquals(OK, driver.command(GUEST_OFFLOADS, 0, le64(NetFeatures.GUEST_TSO4)));
        String all = Long.toHexString(NetFeatures.GUEST_OFFLOADS & ~NetFeatures.GUEST_UFO);
        assertEquals(List.of("offloads " + all, "pairs 1", "offloads 2", "offloads 0"), backend.calls);
        backend.answer = -22;
        assertEquals(ERR, driver.command(GUEST_OFFLOADS, 0, le64(NetFeatures.GUEST_CSUM)));
        assertEquals(0, device.report().state().guestOffloads());
    }

    @Test
    void shouldRefuseWhatWasNotNegotiated() {
        open(config().withQueues(2, 64).withHash(true, true), OFFLOADS);
        driver.start(NetFeatures.CTRL_RX | NetFeatures.CTRL_RX_EXTRA | NetFeatures.CTRL_VLAN | NetFeatures.CTRL_MAC_ADDR
            | NetFeatures.CTRL_GUEST_OFFLOADS | NetFeatures.GUEST_ANNOUNCE | NetFeatures.MQ | NetFeatures.RSS
            | NetFeatures.HASH_REPORT);
        assertEquals(2, driver.controlQueue());
        assertEquals(ERR, driver.command(RX, 0, new byte[] {0}));
        assertEquals(ERR, driver.command(RX, 2, new byte[] {0}));
        assertEquals(ERR, driver.command(MAC_CLASS, 0, table(0, 0)));
        assertEquals(ERR, driver.command(MAC_CLASS, 1, new byte[6]));
        assertEquals(ERR, driver.command(VLAN, 0, le16(1)));
        assertEquals(ERR, driver.command(3, 0, new byte[0]));
        assertEquals(ERR, driver.command(4, 0, le16(1)));
        assertEquals(ERR, driver.command(4, 1, new byte[60]));
        assertEquals(ERR, driver.command(4, 2, new byte[60]));
        assertEquals(ERR, driver.command(GUEST_OFFLOADS, 0, le64(0)));
        assertEquals(ERR, driver.command(6, 0, new byte[8]));
        assertEquals(ERR, driver.command(255, 255, new byte[8]));
    }

    @Test
    void shouldGiveBackWhatIsNoCommand() {
        open(config(), 0);
        driver.start(0);
        long at = driver.place(64);
        BufferElements elements = new BufferElements();
        int queue = driver.controlQueue();
        driver.add(queue, elements.clear().readable(at, 2));
        assertEquals(NOTHING, driver.answer(at + 32));
        driver.add(queue, elements.clear().readable(at, 1).writable(at + 32, 1));
        assertEquals(NOTHING, driver.answer(at + 32));
        driver.add(queue, elements.clear().writable(at + 32, 1));
        assertEquals(NOTHING, driver.answer(at + 32));
        driver.add(queue, elements.clear().readable(1L << 50, 3).writable(at + 32, 1));
        assertEquals(NOTHING, driver.answer(at + 32));
        assertEquals(4, device.report().refused());
        assertEquals(OK, driver.command(RX, 0, new byte[] {1}));
    }

    /** A byte for each descriptor: no framing is assumed (§2.7.4.1). */
    @Test
    @Tag("virtio:2.7.4.1/any")
    void shouldTakeCommandsInAnyFraming() {
        open(config(), 0);
        driver.start(0);
        byte[] data = table(1, 1);
        long at = driver.place(new byte[] {MAC_CLASS, 0});
        BufferElements elements = new BufferElements().readable(at, 1).readable(at + 1, 1);
        long dataAt = driver.place(data);
        for (int i = 0; i < data.length; i++) {
            elements.readable(dataAt + i, 1);
        }
        long ack = driver.place(16);
        driver.add(driver.controlQueue(), elements.writable(ack, 1).writable(ack + 1, 7));
        assertEquals(OK, driver.answer(ack));
        assertEquals(1, filter().multicast().length);
    }

    @Test
    void shouldDoWithoutAControlQueue() {
        open(config(), 0);
        driver.start(NetFeatures.CTRL_VQ);
        driver.transmitted(0, PLAIN, frame(60));
        assertEquals(72, backend.take(0).length);
    }
}
