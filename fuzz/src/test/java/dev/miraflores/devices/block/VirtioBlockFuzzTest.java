// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A whole disk, its I/O thread included, with nothing behind it and a driver that stores anything anywhere: a reset
 * always ends it, and it asks for one only where the driver has broken the ring, never for a bug of its own.
 */
@NeedsIoUring
class VirtioBlockFuzzTest {

    private static final int STORE = 0;
    private static final int DESCRIBE = 1;
    private static final int EXPOSE = 2;
    private static final int NOTIFY = 3;
    private static final int CONFIG = 4;
    private static final int RESTART = 5;
    private static final int EVENTS = 6;

    private static final int SIZE = 16;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(SIZE, 0x1000, 0x2000, 0x3000);
    private static final QueueGeometry SECOND = new QueueGeometry(SIZE, 0x9000, 0xA000, 0xB000);
    private static final int HEADER_GPA = 0x4000;
    private static final GuestMemory RAM = GuestMemory.anonymous(0x1_0000);
    private static final EventFd KICK = EventFd.create();
    private static final EventFd SECOND_KICK = EventFd.create();

    /** One disk for all inputs, since it has a thread. */
    private static VirtioBlockDevice disk;

    private final AtomicInteger resetsAsked = new AtomicInteger();

    static Stream<byte[]> seeds() {
        Seed read = new Seed().u8(0, STORE).u16(HEADER_GPA).u8(15).u32(0, 0).u64(8);
        describe(read, 0, HEADER_GPA, 16, 1, 1);
        describe(read, 1, 0x5000, 0x1000, 3, 2);
        describe(read, 2, HEADER_GPA + 32, 1, 2, 0);
        read.u8(EXPOSE, 0, NOTIFY, CONFIG, 32, 4, 0, RESTART, 3, EXPOSE, 0, NOTIFY);
        Seed flush = new Seed().u8(1, STORE).u16(HEADER_GPA).u8(15).u32(4, 0).u64(0);
        describe(flush, 5, HEADER_GPA, 16, 1, 6);
        describe(flush, 6, 0xffff, 1, 2, 0);
        flush.u8(EXPOSE, 5, EXPOSE, 5, EXPOSE, 6, NOTIFY);
        Seed jump = new Seed().u8(0, STORE).u16(0x2002).u8(1).u16(0x100).u8(NOTIFY, RESTART, 1);
        Seed packed = new Seed().u8(0x28, STORE).u16(HEADER_GPA).u8(15).u32(13, 0).u64(0);
        describe(packed, 0, HEADER_GPA, 32, 1, 0x80);
        describe(packed, 1, HEADER_GPA + 32, 1, 0, 0x82);
        packed.u8(NOTIFY, RESTART, 0x78, NOTIFY);
        return Stream.of(read, flush, jump, packed).map(Seed::bytes);
    }

    private static void describe(Seed seed, int index, long gpa, int byteSize, int flags, int next) {
        seed.u8(DESCRIBE, index).u64(gpa).u32(byteSize).u16(flags, next);
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:endless")
    @Tag("class:memory")
    void shouldOutliveAnyDriver(byte[] bytes) {
        if (disk == null) {
            disk = VirtioBlockDevice.open(BlockDeviceConfig.nothing("fuzz").queueSize(SIZE)
                .queues(2).ioThreads(2).inOrder(true).build());
        }
        FuzzInput input = new FuzzInput(bytes);
        RAM.slice(0, RAM.byteSize()).fill((byte) 0);
        long broken = brokenRings();
        try (Bounds _ = new Bounds()) {
            start(input.u8());
            while (input.hasMore()) {
                happen(input);
            }
            serve();
            disk.reset();
        }
        // Of two queues that break at once the second one finds the reset asked for.
        long rings = brokenRings() - broken;
        long asked = resetsAsked.getAndSet(0);
        assertTrue(asked <= rings && (asked == 0) == (rings == 0), rings + " rings broken, " + asked + " resets asked for");
    }

    private void happen(FuzzInput input) {
        switch (input.below(EVENTS)) {
            case STORE -> RAM.write(input.u16(), input.take(1 + input.below(16)));
            case DESCRIBE -> RAM.write(GEOMETRY.descGpa() + 16L * input.below(SIZE), input.take(16));
            case EXPOSE -> expose(input.u8());
            case NOTIFY -> serve();
            case CONFIG -> config(input.below(BlockConfigSpace.BYTES), input.width(), input.u8());
            default -> {
                disk.reset();
                start(input.u8());
            }
        }
    }

    private void start(int features) {
        long accepted = RingFeatures.VERSION_1 | ((features & 1) != 0 ? RingFeatures.EVENT_IDX : 0)
            | ((features & 2) != 0 ? RingFeatures.INDIRECT_DESC : 0)
            | ((features & 4) != 0 ? 1L << VirtioBlockDevice.F_FLUSH : 0)
            | ((features & 8) != 0 ? RingFeatures.RING_PACKED : 0)
            | ((features & 16) != 0 ? RingFeatures.IN_ORDER : 0)
            | ((features & 32) != 0 ? 1L << virtio_abi.VIRTIO_BLK_F_DISCARD | 1L << virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES : 0);
        List<DeviceQueue> queues = new ArrayList<>();
        queues.add(new DeviceQueue(0, Virtqueue.create(RAM, GEOMETRY, accepted), KICK, () -> { }));
        queues.add((features & 64) == 0 ? null
            : new DeviceQueue(1, Virtqueue.create(RAM, SECOND, accepted), SECOND_KICK, () -> { }));
        disk.activate(new VirtioActivation(accepted, RAM, queues, new DeviceEvents() {
            @Override
            public void configChanged() {
                throw new AssertionError("nothing changes a disk's configuration");
            }

            @Override
            public void needsReset() {
                resetsAsked.incrementAndGet();
            }
        }));
    }

    /** Rings, and lets the I/O threads have two turns. */
    private static void serve() {
        KICK.signal();
        SECOND_KICK.signal();
        for (int turn = 0; turn < 4; turn++) {
            disk.thread(turn & 1).call(() -> { });
        }
    }

    private static void config(int offset, int byteSize, int value) {
        if (offset + byteSize <= BlockConfigSpace.BYTES) {
            disk.writeConfig(offset, byteSize, value);
            assertTrue(byteSize == Long.BYTES || disk.readConfig(offset, byteSize) >>> 8 * byteSize == 0);
        }
    }

    private static void expose(int head) {
        byte[] idx = new byte[2];
        RAM.read(GEOMETRY.driverGpa() + 2, idx);
        int value = idx[0] & 0xff | (idx[1] & 0xff) << 8;
        RAM.write(GEOMETRY.driverGpa() + 4 + 2L * (value % SIZE), new byte[] {(byte) head, 0});
        RAM.write(GEOMETRY.driverGpa() + 2, new byte[] {(byte) (value + 1), (byte) (value + 1 >>> 8)});
    }

    private static long brokenRings() {
        long count = 0;
        for (DriverFault fault : DriverFault.values()) {
            for (int queue = 0; queue < 2; queue++) {
                count += fault.endsQueue() ? disk.counters(queue).driverFaults().get(fault) : 0;
            }
        }
        return count;
    }
}
