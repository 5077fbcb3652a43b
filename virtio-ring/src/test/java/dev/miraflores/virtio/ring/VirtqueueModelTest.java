// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.RingFixture.Element;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/**
 * A good driver and the device in any interleaving, beside a model that is two queues and a map: buffers come out as
 * they went in, each once, in order; used elements likewise; and whoever has work to do and sleeps is notified.
 */
class VirtqueueModelTest {

    private static final long MEMORY_BYTES = 1 << 20;
    private static final long TABLES_GPA = 0x8_0000;
    private static final long BUFFERS_GPA = 0xA_0000;
    private static final int TABLE_BYTES = 256;

    @Property(tries = 1500)
    void splitQueuesCarryEverythingOnce(@ForAll long seed) {
        Random random = new Random(seed);
        long features = random.nextBoolean() ? RingFeatures.EVENT_IDX : 0;
        int start = random.nextInt(3) == 0 ? random.nextInt(65536) : 65536 - random.nextInt(40) & 0xFFFF;
        new Run(random, features | RingFeatures.INDIRECT_DESC, 1 << random.nextInt(7), start).play(400);
    }

    @Property(tries = 1500)
    void packedQueuesCarryEverythingOnce(@ForAll long seed) {
        Random random = new Random(seed);
        long features = random.nextBoolean() ? RingFeatures.EVENT_IDX : 0;
        int size = 1 + random.nextInt(70);
        int start = random.nextInt(size) | (random.nextBoolean() ? 0x8000 : 0);
        new Run(random, features | RingFeatures.INDIRECT_DESC | RingFeatures.RING_PACKED, size, start).play(400);
    }

    /** One run: the two sides, the model, and who sleeps. */
    private static final class Run {
        private final Random random;
        private final GuestMemory memory = GuestMemory.anonymous(MEMORY_BYTES);
        private final VirtqueueDriver driver;
        private final Virtqueue device;
        private final int size;

        /** Added by the driver and not yet popped; those not published are the last ones. */
        private final Queue<Integer> available = new ArrayDeque<>();
        private int unpublished;
        private final Map<Integer, List<Element>> buffers = new HashMap<>();
        private final Map<Integer, Integer> tables = new HashMap<>();
        private final List<Integer> popped = new ArrayList<>();
        /** Used and not yet seen by the driver; those not published are the last ones. */
        private final Queue<long[]> used = new ArrayDeque<>();
        private int unpublishedUsed;

        private boolean deviceSleeps;
        private boolean driverSleeps;
        private int driverWaitsFor;

        Run(Random random, long features, int size, int position) {
            this.random = random;
            this.size = size;
            QueueGeometry geometry = new QueueGeometry(size, 0x1000, 0x4000, 0x6000);
            driver = VirtqueueDriver.create(memory, geometry, features, position);
            device = Virtqueue.create(memory, geometry, features, position);
        }

        void play(int steps) {
            try (memory) {
                for (int i = 0; i < steps; i++) {
                    step(random.nextInt(8));
                    assertSleepersHaveNothingToDo();
                    assertNull(device.fault());
                    assertEquals(popped.size(), device.inFlight());
                }
                finish();
            }
        }

        private void step(int choice) {
            switch (choice) {
                case 0, 1 -> addBuffer();
                case 2 -> notifyDevice();
                case 3, 4 -> pop();
                case 5 -> use();
                case 6 -> notifyDriver();
                default -> {
                    if (random.nextBoolean()) {
                        seeUsed();
                    } else if (random.nextBoolean()) {
                        deviceToSleep();
                    } else {
                        driverToSleep();
                    }
                }
            }
        }

        private void addBuffer() {
            BufferElements elements = new BufferElements();
            List<Element> expected = new ArrayList<>();
            int readable = random.nextInt(4);
            int writable = readable == 0 ? 1 + random.nextInt(3) : random.nextInt(4);
            for (int i = 0; i < readable + writable; i++) {
                long gpa = BUFFERS_GPA + random.nextInt(0x1_0000);
                long byteSize = random.nextInt(5) == 0 ? 0 : random.nextInt(5000);
                if (i < readable) {
                    elements.readable(gpa, byteSize);
                } else {
                    elements.writable(gpa, byteSize);
                }
                expected.add(new Element(gpa, byteSize, i >= readable));
            }
            if (elements.count() > size) {
                return;
            }
            boolean indirect = random.nextInt(3) == 0;
            int free = driver.freeDescriptors();
            // A table per buffer that can be in flight; the id is not known before the buffer is added.
            int table = freeTable();
            int id = indirect ? driver.addIndirect(elements, TABLES_GPA + (long) table * TABLE_BYTES)
                : driver.add(elements);
            int needed = indirect ? 1 : elements.count();
            assertEquals(free >= needed, id >= 0);
            if (id < 0) {
                return;
            }
            assertEquals(free - needed, driver.freeDescriptors());
            assertNull(buffers.put(id, expected), "id given twice");
            tables.put(id, table);
            available.add(id);
            unpublished++;
        }

        private int freeTable() {
            int table = 0;
            while (tables.containsValue(table)) {
                table++;
            }
            return table;
        }

        private void notifyDevice() {
            boolean notify = driver.needsNotification();
            unpublished = 0;
            if (notify) {
                deviceSleeps = false;
            }
        }

        private void pop() {
            DescriptorChain chain = device.popChain();
            if (available.size() == unpublished) {
                assertNull(chain);
                return;
            }
            assertNotNull(chain);
            assertNull(chain.fault());
            int id = available.remove();
            assertEquals(id, chain.head());
            assertEquals(buffers.get(id), RingFixture.elementsOf(chain));
            popped.add(id);
        }

        private void use() {
            if (popped.isEmpty()) {
                return;
            }
            int id = popped.remove(random.nextInt(popped.size()));
            int written = random.nextInt();
            device.addUsed(id, written);
            used.add(new long[] {id, written & 0xFFFF_FFFFL});
            unpublishedUsed++;
        }

        private void notifyDriver() {
            boolean notify = device.needsNotification();
            unpublishedUsed = 0;
            if (notify) {
                driverSleeps = false;
            }
        }

        private void seeUsed() {
            int id = driver.pollUsed();
            if (used.size() == unpublishedUsed) {
                assertEquals(-1, id);
                return;
            }
            long[] expected = used.remove();
            assertEquals(expected[0], id);
            assertEquals(expected[1], driver.usedBytes());
            buffers.remove(id);
            tables.remove(id);
            driverSleeps = false;
        }

        /** As a worker does: suppress, take all, ask again, and sleep only if that is safe. */
        private void deviceToSleep() {
            device.disableNotifications();
            if (random.nextBoolean()) {
                step(random.nextInt(3));
            }
            while (available.size() > unpublished) {
                pop();
            }
            deviceSleeps = !device.enableNotifications();
        }

        private void driverToSleep() {
            driver.disableNotifications();
            int waitFor = Math.max(1, random.nextInt(1 + driver.inFlight()));
            driverSleeps = !driver.enableNotifications(waitFor);
            driverWaitsFor = waitFor;
        }

        /** Publishing and asking whether to notify are one step here, so this holds after each step. */
        private void assertSleepersHaveNothingToDo() {
            if (deviceSleeps) {
                assertEquals(unpublished, available.size(), "the device sleeps on available buffers");
            }
            if (driverSleeps && unpublishedUsed == 0) {
                assertTrue(used.size() < driverWaitsFor, "the driver sleeps on used buffers");
            }
        }

        private void finish() {
            notifyDevice();
            while (available.size() > unpublished) {
                pop();
            }
            while (!popped.isEmpty()) {
                use();
            }
            notifyDriver();
            while (!used.isEmpty()) {
                seeUsed();
            }
            assertEquals(-1, driver.pollUsed());
            assertEquals(size, driver.freeDescriptors());
            assertEquals(0, driver.inFlight());
            assertEquals(0, device.inFlight());
            assertTrue(buffers.isEmpty());
        }
    }
}
