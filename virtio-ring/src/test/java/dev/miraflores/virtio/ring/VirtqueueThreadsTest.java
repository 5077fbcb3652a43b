// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Driver and device on threads of their own: no notification is lost, no byte is seen early, nothing is read twice. */
class VirtqueueThreadsTest {

    private static final int BUFFERS = 60_000;
    private static final long BUFFER_GPA = 0x4_0000;

    /** Each side sleeps on a semaphore that only notifications release; one that is lost leaves it there. */
    @ParameterizedTest
    @ValueSource(longs = {0, RingFeatures.EVENT_IDX, RingFeatures.RING_PACKED,
        RingFeatures.RING_PACKED | RingFeatures.EVENT_IDX})
    @Tag("virtio:2.7.8.2/len-first")
    @Tag("virtio:2.7.8.2/len-written")
    void shouldLoseNoNotificationBetweenThreads(long features) throws InterruptedException {
        try (GuestMemory memory = GuestMemory.anonymous(1 << 20)) {
            QueueGeometry geometry = new QueueGeometry(16, 0x1000, 0x2000, 0x3000);
            VirtqueueDriver driver = VirtqueueDriver.create(memory, geometry, features);
            Virtqueue device = Virtqueue.create(memory, geometry, features);
            Semaphore available = new Semaphore(0);
            Semaphore used = new Semaphore(0);
            AtomicReference<Throwable> failure = new AtomicReference<>();
            Thread deviceThread = new Thread(() -> serve(device, available, used, failure));
            deviceThread.start();
            drive(driver, memory.slice(0, 1 << 20), available, used, failure);
            deviceThread.join(30_000);
            assertFalse(deviceThread.isAlive());
            assertNull(failure.get());
        }
    }

    private static void serve(Virtqueue queue, Semaphore available, Semaphore used, AtomicReference<Throwable> failure) {
        try {
            int served = 0;
            while (served < BUFFERS) {
                do {
                    queue.disableNotifications();
                    for (DescriptorChain chain; (chain = queue.popChain()) != null;) {
                        assertNull(chain.fault());
                        // The bytes are those of this buffer: the acquire of the index came before them.
                        assertEquals(served, chain.readLong(0));
                        chain.writeLong(0, ~chain.readLong(0));
                        queue.addUsed(chain.head(), 8);
                        served++;
                    }
                    if (queue.needsNotification()) {
                        used.release();
                    }
                } while (queue.enableNotifications());
                assertNull(queue.fault());
                if (served < BUFFERS && !available.tryAcquire(20, TimeUnit.SECONDS)) {
                    throw new AssertionError("device not notified after " + served);
                }
            }
        } catch (Throwable e) {
            failure.set(e);
            used.release(BUFFERS);
        }
    }

    private static void drive(VirtqueueDriver driver, MemorySegment ram, Semaphore available, Semaphore used,
            AtomicReference<Throwable> failure) throws InterruptedException {
        BufferElements elements = new BufferElements();
        Random random = new Random(1);
        long[] valueById = new long[driver.size()];
        int added = 0;
        int seen = 0;
        while (seen < BUFFERS && failure.get() == null) {
            int burst = 1 + random.nextInt(8);
            while (added < BUFFERS && burst-- > 0 && driver.freeDescriptors() >= 2) {
                // A place of its own for each buffer in flight: those are fewer than 16 and in order.
                long gpa = BUFFER_GPA + (added & 15) * 64L;
                ram.set(ValueLayout.JAVA_LONG, gpa, added);
                int id = driver.add(elements.clear().readable(gpa, 8).writable(gpa + 8, 8));
                assertTrue(id >= 0);
                valueById[id] = added++;
            }
            if (driver.needsNotification()) {
                available.release();
            }
            int before = seen;
            for (int id; (id = driver.pollUsed()) >= 0;) {
                assertEquals(8, driver.usedBytes());
                long gpa = BUFFER_GPA + (valueById[id] & 15) * 64L;
                assertEquals(~valueById[id], ram.get(ValueLayout.JAVA_LONG, gpa + 8));
                seen++;
            }
            boolean full = driver.freeDescriptors() < 2 || added == BUFFERS;
            if (full && seen == before && seen < BUFFERS
                && !driver.enableNotifications(1 + random.nextInt(driver.inFlight()))
                && !used.tryAcquire(20, TimeUnit.SECONDS)) {
                throw new AssertionError("driver not notified after " + seen);
            }
        }
    }

    /** Read once, check what was read: a driver that rewrites its descriptors meanwhile gets a fault or a sound chain. */
    @ParameterizedTest
    @ValueSource(longs = {0, RingFeatures.RING_PACKED})
    void shouldStaySoundWhileDescriptorsChange(long packed) throws InterruptedException {
        long features = packed | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX;
        AtomicBoolean stop = new AtomicBoolean();
        try (RingFixture ring = new RingFixture(16)) {
            Thread hostile = new Thread(() -> {
                Random random = new Random(7);
                while (!stop.get()) {
                    long at = (random.nextBoolean() ? RingFixture.DESC_GPA : RingFixture.TABLE_GPA) + 16 * random.nextInt(16);
                    ring.descriptorAt(at, random.nextInt(3) == 0 ? random.nextLong() : RingFixture.TABLE_GPA,
                        random.nextInt(3) == 0 ? random.nextInt() : 16 * random.nextInt(20),
                        random.nextInt(8) | (random.nextBoolean() ? 0x80 : 0x8000), random.nextInt(18));
                }
            });
            hostile.start();
            long end = System.nanoTime() + 400_000_000L;
            Virtqueue queue = ring.device(features);
            int sound = 0;
            while (System.nanoTime() < end) {
                if (packed == 0) {
                    ring.expose(0);
                }
                DescriptorChain chain = queue.popChain();
                if (queue.fault() != null) {
                    queue = ring.device(features);
                } else if (chain != null) {
                    assertSound(ring, chain);
                    sound += chain.count();
                    queue.addUsed(chain.head(), 0);
                    queue.publish();
                }
            }
            stop.set(true);
            hostile.join();
            assertTrue(packed != 0 || sound > 0);
        } finally {
            stop.set(true);
        }
    }

    private static void assertSound(RingFixture ring, DescriptorChain chain) {
        long readable = 0;
        long writable = 0;
        for (int i = 0; i < chain.count(); i++) {
            assertNotNull(ring.memory.find(chain.address(i), chain.length(i)));
            if (chain.isWritable(i)) {
                writable += chain.length(i);
            } else {
                readable += chain.length(i);
            }
        }
        assertEquals(readable, chain.readableBytes());
        assertEquals(writable, chain.writableBytes());
        assertTrue(chain.count() <= 16);
    }
}
