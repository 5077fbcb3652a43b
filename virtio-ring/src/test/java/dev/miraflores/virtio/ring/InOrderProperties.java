// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.PackedDescriptorLayout.AVAIL;
import static dev.miraflores.virtio.ring.PackedDescriptorLayout.USED;
import static dev.miraflores.virtio.ring.PackedDescriptorLayout.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * VIRTIO_F_IN_ORDER (virtio 1.3 §2.7.9, §2.8.8): whatever the order a device is done in, its driver sees buffers used in the
 * order in which it made them available, with the lengths that they have, though a batch has one used element.
 */
class InOrderProperties {

    private static final QueueGeometry GEOMETRY = new QueueGeometry(8, 0x1000, 0x4000, 0x6000);
    private static final long PACKED = RingFeatures.IN_ORDER | RingFeatures.RING_PACKED;

    @Property(tries = 1000)
    @net.jqwik.api.Tag("virtio:6.2/in-order")
    void shouldGiveSplitBuffersBackInOrder(@ForAll long seed) {
        Random random = new Random(seed);
        int start = random.nextInt(65536);
        new Run(random, RingFeatures.INDIRECT_DESC, 1 << random.nextInt(6), start).play();
    }

    @Property(tries = 1000)
    @net.jqwik.api.Tag("virtio:6.2/in-order")
    void shouldGivePackedBuffersBackInOrder(@ForAll long seed) {
        Random random = new Random(seed);
        int size = 1 + random.nextInt(40);
        int start = random.nextInt(size) | (random.nextBoolean() ? 0x8000 : 0);
        new Run(random, RingFeatures.INDIRECT_DESC | RingFeatures.RING_PACKED, size, start).play();
    }

    /** One used element for all buffers that were written in full, at the place of the first, with the id of the last. */
    @Test
    void shouldPublishABatchWithOneElement() {
        try (GuestMemory memory = GuestMemory.anonymous(1 << 20)) {
            VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, RingFeatures.IN_ORDER);
            Virtqueue device = Virtqueue.create(memory, GEOMETRY, RingFeatures.IN_ORDER);
            for (int i = 0; i < 3; i++) {
                assertEquals(i, driver.add(new BufferElements().writable(0x8000, 100)), "descriptors in ring order");
            }
            driver.publish();
            for (int i = 0; i < 3; i++) {
                device.popChain();
            }
            device.addUsed(2, 7);
            device.addUsed(0, 100);
            device.publish();
            assertEquals(0, driver.pollUsed());
            assertEquals(-1, driver.pollUsed());
            device.addUsed(1, 100);
            device.publish();

            byte[] elements = new byte[16];
            memory.read(GEOMETRY.deviceGpa() + 4 + 8, elements);
            assertEquals(2, elements[0], "id of the last, where that of the first would be");
            assertEquals(0, elements[8], "nothing where the last would be");
            assertEquals(1, driver.pollUsed());
            assertEquals(100, driver.usedBytes());
            assertEquals(2, driver.pollUsed());
            assertEquals(7, driver.usedBytes());
            assertEquals(-1, driver.pollUsed());
        }
    }

    /** The same in a packed ring (§2.8.8), whose elements have a length only where bytes were written (§2.8.4). */
    @Test
    void shouldPublishABatchOfAPackedQueueWithOneElement() {
        try (GuestMemory memory = GuestMemory.anonymous(1 << 20)) {
            VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, PACKED);
            Virtqueue device = Virtqueue.create(memory, GEOMETRY, PACKED);
            BufferElements writable = new BufferElements().writable(0x8000, 100);
            int[] ids = {driver.add(writable), driver.add(writable), driver.add(new BufferElements().readable(0x8000, 100))};
            driver.publish();
            for (int i = 0; i < 3; i++) {
                device.popChain();
            }
            device.addUsed(ids[0], 100);
            device.addUsed(ids[1], 7);
            device.addUsed(ids[2], 0);
            device.publish();

            MemorySegment ring = memory.slice(GEOMETRY.descGpa(), 3 * PackedDescriptorLayout.BYTES);
            assertEquals(PackedDescriptorLayout.pack(7, ids[1], AVAIL | USED | WRITE), ring.get(GuestAccess.LONG, 8),
                "that of the last, where that of the first would be");
            assertEquals(AVAIL | WRITE, ring.get(GuestAccess.SHORT, 16 + 14), "nothing where the last would be");
            assertEquals((short) (AVAIL | USED), ring.get(GuestAccess.SHORT, 32 + 14), "no bytes");
            int[] bytes = {100, 7, 0};
            for (int i = 0; i < 3; i++) {
                assertEquals(ids[i], driver.pollUsed());
                assertEquals(bytes[i], driver.usedBytes());
            }
        }
    }

    /** What a batch leaves out the driver takes for written in full, which a malformed buffer was not. */
    @ParameterizedTest
    @ValueSource(longs = {RingFeatures.IN_ORDER, PACKED})
    void shouldNotLeaveOutWhatIsMalformed(long features) {
        try (GuestMemory memory = GuestMemory.anonymous(1 << 20)) {
            VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, features);
            Virtqueue device = Virtqueue.create(memory, GEOMETRY, features);
            int malformed = driver.add(new BufferElements().writable(-100, 100));
            int good = driver.add(new BufferElements().writable(0x8000, 100));
            driver.publish();
            assertNotNull(device.popChain().fault());
            assertNull(device.popChain().fault());
            device.addUsed(malformed, 0);
            device.addUsed(good, 100);
            device.publish();

            assertEquals(malformed, driver.pollUsed());
            assertEquals(0, driver.usedBytes());
            assertEquals(good, driver.pollUsed());
            assertEquals(100, driver.usedBytes());
        }
    }

    @Test
    void shouldRefuseWhatIsNotInFlight() {
        try (GuestMemory memory = GuestMemory.anonymous(1 << 20)) {
            VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, RingFeatures.IN_ORDER);
            Virtqueue device = Virtqueue.create(memory, GEOMETRY, RingFeatures.IN_ORDER);
            driver.add(new BufferElements().writable(0x8000, 100));
            driver.add(new BufferElements().writable(0x8000, 100));
            driver.publish();
            device.popChain();
            device.popChain();
            device.addUsed(1, 100);
            assertThrows(IllegalStateException.class, () -> device.addUsed(1, 100));
            assertThrows(IllegalStateException.class, () -> device.addUsed(5, 100));
            assertThrows(IllegalStateException.class, () -> device.addUsed(-1, 100));
            assertThrows(IllegalStateException.class, () -> device.addUsed(GEOMETRY.size(), 100));
            device.addUsed(0, 100);
            assertEquals(0, device.inFlight());

            driver.add(new BufferElements().writable(0x8000, 100));
            driver.add(new BufferElements().writable(0x8000, 100));
            driver.publish();
            int given = device.popChain().head();
            int kept = device.popChain().head();
            device.addUsed(given, 100);
            assertThrows(IllegalStateException.class, () -> device.addUsed(given, 100));
            device.addUsed(kept, 100);
        }
    }

    /** A driver that makes the same descriptor available twice gets it back twice, and nothing breaks. */
    @Test
    void shouldOutliveAHeadThatIsAvailableTwice() {
        try (GuestMemory memory = GuestMemory.anonymous(1 << 20)) {
            VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, RingFeatures.IN_ORDER);
            Virtqueue device = Virtqueue.create(memory, GEOMETRY, RingFeatures.IN_ORDER);
            driver.add(new BufferElements().writable(0x8000, 100));
            driver.publish();
            memory.write(GEOMETRY.driverGpa() + 6, new byte[] {0, 0});
            memory.write(GEOMETRY.driverGpa() + 2, new byte[] {2, 0});
            assertNotNull(device.popChain());
            assertNotNull(device.popChain());
            device.addUsed(0, 1);
            device.addUsed(0, 2);
            device.publish();
            assertEquals(0, device.inFlight());
        }
    }

    private static final class Run {
        private final Random random;
        private final GuestMemory memory = GuestMemory.anonymous(1 << 20);
        private final VirtqueueDriver driver;
        private final Virtqueue device;
        private final int size;
        private int tables;
        /** Ids as they were added, and what the device said it wrote, in the same order. */
        private final ArrayDeque<Integer> added = new ArrayDeque<>();
        private final ArrayDeque<Integer> writable = new ArrayDeque<>();
        private final ArrayDeque<int[]> expected = new ArrayDeque<>();
        private final List<int[]> popped = new ArrayList<>();

        Run(Random random, long features, int size, int position) {
            this.random = random;
            this.size = size;
            long all = features | RingFeatures.IN_ORDER | (random.nextBoolean() ? RingFeatures.EVENT_IDX : 0);
            QueueGeometry geometry = new QueueGeometry(size, 0x1000, 0x4000, 0x6000);
            driver = VirtqueueDriver.create(memory, geometry, all, position);
            device = Virtqueue.create(memory, geometry, all, position);
        }

        void play() {
            try (memory) {
                for (int i = 0; i < 300; i++) {
                    step();
                }
                while (!popped.isEmpty()) {
                    giveBack();
                }
                device.publish();
                while (!expected.isEmpty()) {
                    assertTrue(see());
                }
                assertEquals(-1, driver.pollUsed());
            }
        }

        private void step() {
            switch (random.nextInt(6)) {
                case 0, 1 -> add();
                case 2 -> pop();
                case 3 -> giveBack();
                case 4 -> device.publish();
                default -> see();
            }
        }

        private void add() {
            BufferElements elements = new BufferElements().readable(0x8000, 16);
            int bytes = 0;
            for (int i = random.nextInt(3); i > 0; i--) {
                int part = random.nextInt(100);
                elements.writable(0x9000, part);
                bytes += part;
            }
            boolean indirect = random.nextBoolean();
            if (elements.count() > size) {
                return;
            }
            int id = indirect ? driver.addIndirect(elements, 0x10000 + 64L * (tables++ % 1000)) : driver.add(elements);
            if (id >= 0) {
                added.add(id);
                writable.add(bytes);
            }
            driver.publish();
        }

        private void pop() {
            DescriptorChain chain = device.popChain();
            if (chain != null) {
                assertEquals((int) added.remove(), chain.head());
                int bytes = writable.remove();
                int[] buffer = {chain.head(), random.nextInt(3) == 0 ? random.nextInt(bytes + 1) : bytes};
                popped.add(buffer);
                expected.add(buffer);
            }
        }

        private void giveBack() {
            if (!popped.isEmpty()) {
                int[] buffer = popped.remove(random.nextInt(popped.size()));
                device.addUsed(buffer[0], buffer[1]);
            }
        }

        private boolean see() {
            int id = driver.pollUsed();
            if (id >= 0) {
                int[] buffer = expected.remove();
                assertEquals(buffer[0], id);
                assertEquals(buffer[1], driver.usedBytes());
                assertTrue(!popped.contains(buffer), "used before it was given back");
            }
            return id >= 0;
        }
    }
}
