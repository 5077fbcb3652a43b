// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.entropy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** virtio 1.3 §5.4.6. */
class EntropyQueueTest {

    private static final long RAM_BYTES = 1 << 20;
    private static final long BUFFER = 0x4_0000;
    private static final byte CANARY = 0x5a;
    private static final long FEATURES = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(64, 0x1000, 0x2000, 0x3000);

    private final GuestMemory ram = GuestMemory.anonymous(RAM_BYTES);
    private final VirtqueueDriver driver = VirtqueueDriver.create(ram, GEOMETRY, FEATURES);
    private final EventFd kick = EventFd.create();
    private final AtomicInteger interrupts = new AtomicInteger();
    private final AtomicInteger resetsAsked = new AtomicInteger();
    private final EntropyQueue queue = new EntropyQueue(
            new DeviceQueue(0, Virtqueue.create(ram, GEOMETRY, FEATURES), kick, interrupts::incrementAndGet),
            new DeviceEvents() {
                @Override
                public void configChanged() {
                }

                @Override
                public void needsReset() {
                    resetsAsked.incrementAndGet();
                }
            }, EntropyQuota.UNLIMITED);
    private final BufferElements elements = new BufferElements();

    @AfterEach
    @AfterProperty
    void close() {
        kick.close();
        ram.close();
    }

    private byte[] bytes(long gpa, int count) {
        byte[] bytes = new byte[count];
        assertTrue(ram.read(gpa, bytes));
        return bytes;
    }

    private void fillWithCanary() {
        byte[] canary = new byte[(int) (RAM_BYTES - BUFFER)];
        Arrays.fill(canary, CANARY);
        ram.write(BUFFER, canary);
    }

    private static boolean isUntouched(byte[] bytes) {
        for (byte each : bytes) {
            if (each != CANARY) {
                return false;
            }
        }
        return true;
    }

    @Test
    @Tag("virtio:5.4.6.2/random")
    void shouldFillBufferWithRandomBytesAndNotify() {
        fillWithCanary();
        driver.add(elements.clear().writable(BUFFER, 64));
        driver.add(elements.clear().writable(BUFFER + 0x100, 64));
        driver.publish();

        assertTrue(queue.hasWork());
        assertTrue(queue.poll());
        assertEquals(0, interrupts.get());
        queue.endTurn();

        assertEquals(1, interrupts.get());
        assertTrue(driver.pollUsed() >= 0);
        assertEquals(64, driver.usedBytes());
        assertTrue(driver.pollUsed() >= 0);
        assertFalse(isUntouched(bytes(BUFFER, 64)));
        assertFalse(Arrays.equals(bytes(BUFFER, 64), bytes(BUFFER + 0x100, 64)));
        assertTrue(isUntouched(bytes(BUFFER + 64, 0x100 - 64)));
        assertFalse(queue.poll());
        queue.endTurn();
        assertEquals(1, interrupts.get());
    }

    /** What is written is what is reported, wherever the driver splits its buffer. */
    @Property(tries = 100)
    @net.jqwik.api.Tag("virtio:2.7.8.2/len-written")
    @net.jqwik.api.Tag("class:leak")
    void shouldWriteNoMoreThanItReports(@ForAll @IntRange(min = 1, max = 70_000) int first,
                                        @ForAll @IntRange(min = 0, max = 70_000) int second) {
        fillWithCanary();
        long secondGpa = BUFFER + 0x2_0000;
        driver.add(elements.clear().writable(BUFFER, first).writable(secondGpa, second));
        driver.publish();
        queue.poll();
        queue.endTurn();
        driver.pollUsed();

        int used = (int) driver.usedBytes();
        assertEquals(Math.min(first + second, EntropyQueue.MAX_BYTES), used);
        int inFirst = Math.min(first, used);
        assertTrue(isUntouched(bytes(BUFFER + inFirst, 0x2_0000 - inFirst)));
        assertTrue(isUntouched(bytes(secondGpa + used - inFirst, 0x1_0000)));
    }

    /** A guest that asks for all of its memory at once, again and again, gets its share and no more. */
    @Test
    @Tag("class:memory")
    @Tag("class:endless")
    void shouldCapRequestAndTurn() {
        for (int i = 0; i < 20; i++) {
            driver.add(elements.clear().writable(BUFFER, RAM_BYTES - BUFFER));
        }
        driver.publish();

        assertTrue(queue.poll());
        queue.endTurn();
        int used = 0;
        while (driver.pollUsed() >= 0) {
            assertEquals(EntropyQueue.MAX_BYTES, driver.usedBytes());
            used++;
        }
        assertEquals(EntropyQueue.TURN_BUDGET, used);
        assertTrue(queue.hasWork());
        assertTrue(queue.enableEvents());
    }

    /** Chains without a writable byte, and chains that are malformed, go back with nothing. */
    @Test
    void shouldReturnUselessBuffersWithNothing() {
        fillWithCanary();
        driver.add(elements.clear().readable(BUFFER, 64));
        driver.add(elements.clear().writable(RAM_BYTES - 32, 64));
        driver.publish();
        queue.poll();
        queue.endTurn();

        for (int i = 0; i < 2; i++) {
            assertTrue(driver.pollUsed() >= 0);
            assertEquals(0, driver.usedBytes());
        }
        assertTrue(isUntouched(bytes(BUFFER, (int) (RAM_BYTES - BUFFER))));
        assertEquals(0, resetsAsked.get());
    }

    /** virtio 1.3 §2.1.2: a broken ring is said once and then left alone. */
    @Test
    void shouldAskForResetOnceWhenRingBreaks() {
        ram.write(0x2002, new byte[] {(byte) 0xff, (byte) 0x7f});

        assertTrue(queue.poll());
        assertFalse(queue.hasWork());
        assertFalse(queue.poll());
        assertFalse(queue.enableEvents());
        queue.endTurn();

        assertEquals(1, resetsAsked.get());
        assertEquals(0, interrupts.get());
    }
}
