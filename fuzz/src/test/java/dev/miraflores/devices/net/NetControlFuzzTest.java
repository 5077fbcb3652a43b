// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Commands of any bytes: each is answered, a refused one changes nothing, and whatever was accepted names no queue that there is not, no
 * offload that was not negotiated, and no more addresses than are kept (virtio 1.3 §5.1.6.5).
 */
class NetControlFuzzTest {

    private static final int PAIRS = 3;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(16, 0, 0x1000, 0x2000);
    private static final long DATA = 0x4000;
    private static final long ACK = 0x3000;
    private static final GuestMemory RAM = GuestMemory.anonymous(0x1_0000);
    private static final EventFd KICK = EventFd.create();
    private static final DeviceEvents EVENTS = new DeviceEvents() {
        @Override
        public void configChanged() {
        }

        @Override
        public void needsReset() {
            throw new AssertionError("the queue is in order");
        }
    };

    private static final class Target implements ControlCommands.Target {
        NetState state;
        boolean refuses;

        @Override
        public NetState state() {
            return state;
        }

        @Override
        public boolean change(NetState to) {
            if (!refuses) {
                state = to;
            }
            return !refuses;
        }

        @Override
        public void announced() {
        }
    }

    private final BufferElements elements = new BufferElements();

    static Stream<byte[]> seeds() {
        Seed modes = new Seed().u16(0xffff).u8(0, 3, 0, 0, 0, 0, 3, 0, 1, 1, 0, 3, 0, 5, 1);
        Seed tables = new Seed().u16(0xffff).u8(0, 22, 1, 0).u32(1).raw(new byte[] {2, 0, 0, 0, 0, 1}).u32(1)
            .raw(new byte[] {3, 0, 0, 0, 0, 1}).u8(0, 8, 1, 1, 2, 0, 0, 0, 0, 9).u8(0, 12, 1, 0).u32(0x7fff_ffff, 0).u16(0);
        Seed vlans = new Seed().u16(0xffff).u8(0, 4, 2, 0).u16(4095).u8(0, 4, 2, 1).u16(4095).u8(0, 4, 2, 0).u16(4096);
        Seed queues = new Seed().u16(0xffff).u8(0, 4, 4, 0).u16(3).u8(0, 4, 4, 0).u16(4).u8(0, 17, 4, 1).u32(0x3f).u16(1, 0, 1, 2, 3)
            .u8(0).u8(0, 55, 4, 2).u32(0x3f).u64(0).u8(40).raw(new byte[40]);
        Seed offloads = new Seed().u16(0xffff).u8(0, 10, 5, 0).u64(0x182).u8(1, 10, 5, 0).u64(-1).u8(0, 2, 3, 0);
        return Stream.of(modes, tables, vlans, queues, offloads).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldAcceptOnlyWhatCanBe(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        long features = features(input.u16());
        Target target = new Target();
        target.state = new NetState(1, NetFeatures.effectiveGuestOffloads(features), true,
            ReceiveFilter.initial(1, (features & NetFeatures.CTRL_VLAN) != 0), HashConfig.NONE);
        VirtqueueDriver driver = VirtqueueDriver.create(RAM, GEOMETRY, RingFeatures.VERSION_1);
        Virtqueue ring = Virtqueue.create(RAM, GEOMETRY, RingFeatures.VERSION_1);
        ControlCommands commands = new ControlCommands(features, PAIRS, target);
        ControlQueue queue = new ControlQueue(new DeviceQueue(0, ring, KICK, () -> { }), EVENTS, commands);
        try (Bounds _ = new Bounds()) {
            while (input.hasMore()) {
                int how = input.u8();
                target.refuses = (how & 1) != 0;
                byte[] command = input.take(input.u8());
                NetState before = target.state;
                RAM.write(DATA, command);
                driver.add(elements.clear().readable(DATA, command.length).writable(ACK, 1));
                driver.publish();
                assertTrue(queue.poll());
                queue.endTurn();
                assertEquals(0, driver.pollUsed());
                byte[] ack = new byte[1];
                RAM.read(ACK, ack);
                assertEquals(command.length < 2 ? 0 : 1, driver.usedBytes());
                if (command.length < 2 || ack[0] != 0) {
                    assertSame(before, target.state);
                }
                check(features, target.state);
            }
        }
    }

    private static long features(int choice) {
        long[] each = {NetFeatures.CTRL_RX, NetFeatures.CTRL_RX_EXTRA, NetFeatures.CTRL_VLAN, NetFeatures.CTRL_MAC_ADDR,
            NetFeatures.CTRL_GUEST_OFFLOADS, NetFeatures.GUEST_ANNOUNCE, NetFeatures.MQ, NetFeatures.RSS, NetFeatures.HASH_REPORT,
            NetFeatures.GUEST_CSUM, NetFeatures.GUEST_TSO4, NetFeatures.GUEST_TSO6, NetFeatures.GUEST_ECN, NetFeatures.GUEST_UFO,
            NetFeatures.GUEST_USO4, NetFeatures.GUEST_USO6};
        long features = RingFeatures.VERSION_1 | NetFeatures.CTRL_VQ;
        for (int i = 0; i < each.length; i++) {
            features |= (choice >>> i & 1) != 0 ? each[i] : 0;
        }
        return features;
    }

    private static void check(long features, NetState state) {
        assertTrue(state.activePairs() >= 1 && state.activePairs() <= PAIRS);
        assertEquals(0, state.guestOffloads() & ~features);
        assertEquals(0, state.guestOffloads() & ~NetFeatures.GUEST_OFFLOADS);
        assertTrue(state.filter().unicast().length + state.filter().multicast().length <= ReceiveFilter.MAX_ADDRESSES);
        HashConfig hash = state.hash();
        assertEquals(0, hash.types() & ~HashConfig.SUPPORTED_TYPES);
        assertTrue(hash.key().length <= HashConfig.MAX_KEY_BYTES);
        assertTrue(hash.unclassifiedQueue() < state.activePairs());
        assertEquals(1, Integer.bitCount(hash.table().length));
        for (int each : hash.table()) {
            assertTrue(each >= 0 && each < state.activePairs());
        }
    }
}
