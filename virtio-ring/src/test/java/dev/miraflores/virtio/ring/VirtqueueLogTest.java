// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.memory.DirtyLog;
import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a queue writes to itself is in the log of who migrates its guest, and nothing else is. */
class VirtqueueLogTest {

    private static final int PAGES = 64;
    /** Large enough for rings of more pages than one. */
    private static final int SIZE = 1024;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(SIZE, 0x1000, 0x6000, 0x8000);
    /** What the part that the device writes is called in the log: nothing of the guest's that a test would see is there. */
    private static final long LOGGED_AS = 0x2_0000;
    private static final long BUFFER = 0xC000;

    private final Arena arena = Arena.ofConfined();
    private final GuestMemory memory = GuestMemory.anonymous(1 << 16);
    private final MemorySegment bitmap = arena.allocate(PAGES / 8, 8);

    @AfterEach
    void tearDown() {
        memory.close();
        arena.close();
    }

    private Virtqueue queue(long features) {
        Virtqueue queue = Virtqueue.create(memory, GEOMETRY, features);
        queue.logUsed(new DirtyLog(bitmap), LOGGED_AS);
        return queue;
    }

    /** As a set of pages; the log is empty afterwards. */
    private BitSet marked() {
        BitSet pages = BitSet.valueOf(bitmap.toArray(ValueLayout.JAVA_BYTE));
        bitmap.fill((byte) 0);
        return pages;
    }

    private static BitSet pages(long gpa, int count) {
        BitSet pages = new BitSet();
        pages.set((int) (gpa >>> 12), (int) (gpa >>> 12) + count);
        return pages;
    }

    /** One buffer, from the driver and back; answers the queue, which has not published it. */
    private Virtqueue used(long features) {
        VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, features);
        driver.add(new BufferElements().writable(BUFFER, 16));
        driver.publish();
        Virtqueue queue = queue(features);
        queue.addUsed(queue.popChain().head(), 16);
        return queue;
    }

    @Test
    void shouldLogTheUsedRingWhenItPublishes() {
        assertPublishes(used(0), pages(LOGGED_AS, 3)); // 6 bytes and 8 for each entry
    }

    @Test
    void shouldLogThePackedRingWhenItPublishes() {
        assertPublishes(used(RingFeatures.RING_PACKED), pages(GEOMETRY.descGpa(), 4));
    }

    private void assertPublishes(Virtqueue queue, BitSet pages) {
        marked();
        queue.publish();
        assertEquals(pages, marked());
        queue.publish();
        assertEquals(new BitSet(), marked(), "nothing more to publish");
    }

    @Test
    void shouldLogNoNotify() {
        Virtqueue queue = queue(0);
        queue.disableNotifications();
        assertEquals(pages(LOGGED_AS, 3), marked());
        queue.enableNotifications();
        assertEquals(pages(LOGGED_AS, 3), marked());
    }

    /** With EVENT_IDX nothing is written to be let alone, and avail_event to be notified. */
    @Test
    void shouldLogTheAvailEvent() {
        Virtqueue queue = queue(RingFeatures.EVENT_IDX);
        queue.disableNotifications();
        assertEquals(new BitSet(), marked());
        queue.enableNotifications();
        assertEquals(pages(LOGGED_AS, 3), marked());
    }

    @Test
    void shouldLogTheDeviceEventStructure() {
        Virtqueue queue = queue(RingFeatures.RING_PACKED);
        queue.disableNotifications();
        assertEquals(pages(LOGGED_AS, 1), marked());
        queue.enableNotifications();
        assertEquals(pages(LOGGED_AS, 1), marked());
    }
}
