// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.RingFixture.APART_END;
import static dev.miraflores.virtio.ring.RingFixture.AVAIL_GPA;
import static dev.miraflores.virtio.ring.RingFixture.BUFFER_GPA;
import static dev.miraflores.virtio.ring.RingFixture.DESC_GPA;
import static dev.miraflores.virtio.ring.RingFixture.FIRST_REGION_END;
import static dev.miraflores.virtio.ring.RingFixture.INDIRECT;
import static dev.miraflores.virtio.ring.RingFixture.NEXT;
import static dev.miraflores.virtio.ring.RingFixture.TABLE_GPA;
import static dev.miraflores.virtio.ring.RingFixture.USED_GPA;
import static dev.miraflores.virtio.ring.RingFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.RingFixture.Element;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The device side of packed queues against drivers good and bad (virtio 1.3 §2.8). */
class PackedVirtqueueTest {

    /** No power of two, which a packed queue need not be (§2.8.10.1). */
    private static final int SIZE = 6;

    private static final int AVAIL_NOW = 1 << 7;
    private static final int AVAIL_NEXT_ROUND = 1 << 15;
    private static final long FEATURES = RingFixture.ALL_FEATURES | RingFeatures.RING_PACKED;

    private final RingFixture ring = new RingFixture(SIZE);
    private Virtqueue queue = ring.device(FEATURES);

    @AfterEach
    void tearDown() {
        ring.close();
    }

    private void put(int index, long gpa, long length, int id, int flags) {
        ring.descriptorAt(DESC_GPA + 16L * index, gpa, length, id, flags);
    }

    private void available(int index, long gpa, long length, int id, int flags) {
        put(index, gpa, length, id, flags | AVAIL_NOW);
    }

    private void entry(int index, long gpa, long length, int flags) {
        ring.descriptorAt(TABLE_GPA + 16L * index, gpa, length, 0, flags);
    }

    private int flagsOf(int index) {
        return ring.low.get(GuestAccess.SHORT, DESC_GPA + 16L * index + 14) & 0xFFFF;
    }

    private DriverFault chainFault() {
        DescriptorChain chain = queue.popChain();
        assertNotNull(chain);
        assertNull(queue.fault());
        assertNotNull(chain.fault());
        assertEquals(0, chain.count());
        assertEquals(0, chain.readableBytes() + chain.writableBytes());
        assertFalse(chain.fault().endsQueue());
        return chain.fault();
    }

    private DriverFault queueFault() {
        assertNull(queue.popChain());
        assertNotNull(queue.fault());
        assertTrue(queue.fault().endsQueue());
        assertFalse(queue.hasAvailable());
        assertFalse(queue.enableNotifications());
        assertNull(queue.popChain());
        return queue.fault();
    }

    /** §2.8.1: a ring of zeroes has nothing available. */
    @Test
    void shouldFindNothingInAFreshRing() {
        assertFalse(queue.hasAvailable());
        assertNull(queue.popChain());
        assertNull(queue.fault());
    }

    /** §2.8.1: AVAIL as the wrap counter and USED not; each other way means not available. */
    @Test
    @Tag("virtio:2.8.15/available")
    void shouldTakeOnlyDescriptorsMadeAvailableInThisRound() {
        for (int flags : new int[] {0, AVAIL_NEXT_ROUND, AVAIL_NOW | AVAIL_NEXT_ROUND}) {
            put(0, BUFFER_GPA, 16, 0, flags);
            assertNull(queue.popChain());
        }
        put(0, BUFFER_GPA, 16, 0, AVAIL_NOW);
        assertTrue(queue.hasAvailable());
        assertNotNull(queue.popChain());
    }

    /** §2.8.6: a list is in ring order, and its id is in the last descriptor. */
    @Test
    @Tag("virtio:2.8.18/order")
    void shouldTakeAListAndTheIdOfItsLastDescriptor() {
        available(0, BUFFER_GPA, 16, 5, NEXT);
        available(1, BUFFER_GPA + 0x1000, 512, 5, NEXT | WRITE);
        available(2, BUFFER_GPA + 0x2000, 1, 3, WRITE);

        DescriptorChain chain = queue.popChain();

        assertEquals(3, chain.head());
        assertEquals(List.of(new Element(BUFFER_GPA, 16, false), new Element(BUFFER_GPA + 0x1000, 512, true),
            new Element(BUFFER_GPA + 0x2000, 1, true)), RingFixture.elementsOf(chain));
        assertEquals(513, chain.writableBytes());
        assertEquals(1, queue.inFlight());
        assertEquals(3 | 0x8000, queue.position());
    }

    /** §2.8.6: one used descriptor for the list, and the next one that many places on. */
    @Test
    void shouldSkipTheListWhenItIsUsed() {
        available(0, BUFFER_GPA, 16, 5, NEXT);
        available(1, BUFFER_GPA, 16, 3, WRITE);
        available(2, BUFFER_GPA, 16, 4, 0);
        queue.popChain();
        queue.popChain();

        queue.addUsed(3, 16);
        queue.addUsed(4, 0);
        assertEquals(AVAIL_NOW | NEXT, flagsOf(0));
        queue.publish();

        assertEquals(AVAIL_NOW | AVAIL_NEXT_ROUND | WRITE, flagsOf(0));
        assertEquals(AVAIL_NOW | WRITE, flagsOf(1));
        assertEquals(AVAIL_NOW | AVAIL_NEXT_ROUND, flagsOf(2));
        assertEquals(0, queue.inFlight());
    }

    /** §2.8.1: past the last descriptor the wrap counter is another, inside a list too. */
    @Test
    void shouldWrapInsideAList() {
        queue = Virtqueue.create(ring.memory, ring.geometry, FEATURES, SIZE - 1 | 0x8000);
        available(SIZE - 1, BUFFER_GPA, 16, 0, NEXT);
        put(0, BUFFER_GPA, 16, 2, AVAIL_NEXT_ROUND);

        DescriptorChain chain = queue.popChain();
        assertEquals(2, chain.count());
        assertEquals(1, queue.position());
        queue.addUsed(2, 0);
        queue.publish();

        assertEquals(AVAIL_NOW | AVAIL_NEXT_ROUND, flagsOf(SIZE - 1));
        assertFalse(queue.hasAvailable());
        put(1, BUFFER_GPA, 16, 2, AVAIL_NEXT_ROUND);
        queue.addUsed(queue.popChain().head(), 0);
        queue.publish();
        assertEquals(0, flagsOf(1));
    }

    /** §2.8.7: all entries of the table in order; flags but WRITE, and the referring WRITE, mean nothing. */
    @Test
    void shouldTakeAllEntriesOfAnIndirectTable() {
        available(0, TABLE_GPA, 32, 1, INDIRECT | WRITE);
        entry(0, BUFFER_GPA, 16, NEXT | INDIRECT | AVAIL_NOW);
        entry(1, BUFFER_GPA + 64, 8, WRITE);

        DescriptorChain chain = queue.popChain();

        assertEquals(1, chain.head());
        assertEquals(List.of(new Element(BUFFER_GPA, 16, false), new Element(BUFFER_GPA + 64, 8, true)),
            RingFixture.elementsOf(chain));
    }

    /** §2.8.19: INDIRECT only where it was negotiated. */
    @Test
    void shouldRefuseIndirectWhereNotNegotiated() {
        queue = ring.device(RingFeatures.RING_PACKED);
        available(0, TABLE_GPA, 16, 0, INDIRECT);
        assertEquals(DriverFault.INDIRECT_NOT_NEGOTIATED, chainFault());
    }

    /** §2.8.19: no INDIRECT in a list linked by NEXT, first or later. */
    @Test
    void shouldRefuseIndirectInAList() {
        entry(0, BUFFER_GPA, 16, 0);
        available(0, TABLE_GPA, 16, 9, INDIRECT | NEXT);
        available(1, BUFFER_GPA, 16, 0, 0);
        available(2, BUFFER_GPA, 16, 9, NEXT);
        available(3, TABLE_GPA, 16, 1, INDIRECT);
        assertEquals(DriverFault.INDIRECT_WITH_NEXT, chainFault());
        assertEquals(DriverFault.INDIRECT_WITH_NEXT, chainFault());
        assertEquals(4 | 0x8000, queue.position());
    }

    /** §2.8.7: a table has entries, and no halves of them. */
    @Test
    void shouldRefuseAnIndirectTableOfABadLength() {
        int index = 0;
        for (long length : new long[] {0, 1, 15, 17, 0xFFFF_FFFFL}) {
            available(index, TABLE_GPA, length, index++, INDIRECT);
            assertEquals(DriverFault.INDIRECT_LENGTH_INVALID, chainFault(), "length " + length);
        }
    }

    /** §2.8.17: no list longer than Queue Size. */
    @Test
    void shouldTakeATableOfQueueSizeAndRefuseALongerOne() {
        for (int i = 0; i <= SIZE; i++) {
            entry(i, BUFFER_GPA, 1, 0);
        }
        available(0, TABLE_GPA, 16 * SIZE, 0, INDIRECT);
        available(1, TABLE_GPA, 16 * (SIZE + 1), 1, INDIRECT);
        assertEquals(SIZE, queue.popChain().count());
        assertEquals(DriverFault.CHAIN_TOO_LONG, chainFault());
    }

    /** §2.8.7: the whole table is guest memory. */
    @Test
    void shouldRefuseAnIndirectTableThatIsNotAllMemory() {
        available(0, APART_END - 16, 32, 0, INDIRECT);
        available(1, -16, 16, 1, INDIRECT);
        assertEquals(DriverFault.INDIRECT_OUTSIDE_MEMORY, chainFault());
        assertEquals(DriverFault.INDIRECT_OUTSIDE_MEMORY, chainFault());
    }

    /** §2.8.17: device-writable elements come after device-readable ones; the list still has its id. */
    @Test
    void shouldRefuseReadableAfterWritableAndKeepTheId() {
        available(0, BUFFER_GPA, 16, 0, NEXT | WRITE);
        available(1, BUFFER_GPA, 16, 0, NEXT);
        available(2, BUFFER_GPA, 16, 4, 0);
        DescriptorChain chain = queue.popChain();
        assertEquals(DriverFault.READABLE_AFTER_WRITABLE, chain.fault());
        assertEquals(4, chain.head());
        assertEquals(0, chain.count());
        assertEquals(3 | 0x8000, queue.position());
    }

    /** The same, in an indirect table. */
    @Test
    void shouldRefuseReadableAfterWritableInATable() {
        available(0, TABLE_GPA, 32, 0, INDIRECT);
        entry(0, BUFFER_GPA, 16, WRITE);
        entry(1, BUFFER_GPA, 16, 0);
        assertEquals(DriverFault.READABLE_AFTER_WRITABLE, chainFault());
    }

    /** Every byte of a buffer is memory, in one region. */
    @Test
    void shouldRefuseBuffersOutsideMemory() {
        long[][] bad = {{APART_END - 16, 17}, {FIRST_REGION_END - 8, 16}, {-8, 16}, {Long.MIN_VALUE, 1},
            {Long.MAX_VALUE, 0xFFFF_FFFFL}, {BUFFER_GPA, 0x8000_0000L}};
        for (int i = 0; i < bad.length; i++) {
            available(i, bad[i][0], bad[i][1], i, WRITE);
            assertEquals(DriverFault.BUFFER_OUTSIDE_MEMORY, chainFault());
        }
    }

    /** §2.8.17: no list without an end within the ring. */
    @Test
    @Tag("class:endless")
    void shouldEndTheQueueOnAListAllAroundTheRing() {
        for (int i = 0; i < SIZE; i++) {
            available(i, BUFFER_GPA, 1, 0, NEXT);
        }
        assertEquals(DriverFault.LIST_UNENDED, queueFault());
    }

    /** §2.8.17: the whole list is available before its first descriptor is. */
    @Test
    @Tag("class:endless")
    void shouldEndTheQueueOnAListThatIsNotAllAvailable() {
        available(0, BUFFER_GPA, 1, 0, NEXT);
        put(1, BUFFER_GPA, 1, 0, AVAIL_NEXT_ROUND);
        assertEquals(DriverFault.LIST_UNENDED, queueFault());
    }

    /** §2.8.16: descriptors in flight are not the driver's to use again; CVE-2016-5403's class. */
    @Test
    void shouldEndTheQueueOnDescriptorsThatAreInFlight() {
        for (int i = 0; i < SIZE; i++) {
            available(i, BUFFER_GPA, 1, i, 0);
        }
        for (int i = 0; i < SIZE; i++) {
            assertNotNull(queue.popChain());
        }
        assertNull(queue.popChain());
        assertNull(queue.fault());
        put(0, BUFFER_GPA, 1, 0, AVAIL_NEXT_ROUND);
        assertEquals(DriverFault.LIST_UNENDED, queueFault());
        assertEquals(SIZE, queue.inFlight());
    }

    /** A bad list ends the queue for good, whatever the driver puts in its place. */
    @Test
    void shouldStayAtItsEndWhenTheListIsMended() {
        available(0, BUFFER_GPA, 1, SIZE, 0);
        assertNull(queue.popChain());
        available(0, BUFFER_GPA, 1, 0, 0);
        assertNull(queue.popChain());
        assertFalse(queue.hasAvailable());
        assertEquals(DriverFault.BUFFER_ID_INVALID, queue.fault());
    }

    /** §2.8.21: ids are those of Queue Size buffers. */
    @Test
    void shouldEndTheQueueOnAnIdOutOfRange() {
        available(0, BUFFER_GPA, 1, SIZE, 0);
        assertEquals(DriverFault.BUFFER_ID_INVALID, queueFault());
    }

    /** §2.8.21: an id is 16 bits without a sign. */
    @Test
    @Tag("class:selector")
    void shouldEndTheQueueOnTheLargestId() {
        available(0, BUFFER_GPA, 1, 0xFFFF, 0);
        assertEquals(DriverFault.BUFFER_ID_INVALID, queueFault());
    }

    /** §2.8.21: a buffer's id is a free one. */
    @Test
    void shouldEndTheQueueOnAnIdInFlight() {
        available(0, BUFFER_GPA, 1, 2, 0);
        available(1, BUFFER_GPA, 1, 2, 0);
        assertNotNull(queue.popChain());
        assertEquals(DriverFault.BUFFER_ID_INVALID, queueFault());
    }

    /** An id is free again once its buffer was used. */
    @Test
    void shouldTakeAnIdAgainOnceUsed() {
        available(0, BUFFER_GPA, 1, 2, 0);
        available(1, BUFFER_GPA, 1, 2, 0);
        queue.addUsed(queue.popChain().head(), 0);
        assertEquals(2, queue.popChain().head());
    }

    /** Giving back what was never taken, or twice, is the device's own mistake. */
    @Test
    void shouldRejectUsedForWhatIsNotInFlight() {
        available(0, BUFFER_GPA, 1, 2, 0);
        queue.addUsed(queue.popChain().head(), 0);
        for (int id : new int[] {-1, 0, 2, SIZE}) {
            assertThrows(IllegalStateException.class, () -> queue.addUsed(id, 0));
        }
    }

    private boolean needsNotificationAfterOne() {
        int index = queue.position() & 0x7FFF;
        boolean wrap = (queue.position() & 0x8000) != 0;
        put(index, BUFFER_GPA, 1, 0, wrap ? AVAIL_NOW : AVAIL_NEXT_ROUND);
        queue.addUsed(queue.popChain().head(), 0);
        return queue.needsNotification();
    }

    private void driverEvent(int offset, boolean wrap, int flags) {
        ring.low.set(GuestAccess.SHORT, AVAIL_GPA, (short) (offset | (wrap ? 0x8000 : 0)));
        ring.low.set(GuestAccess.SHORT, AVAIL_GPA + 2, (short) flags);
    }

    /** §2.8.10: ENABLE, DISABLE; the reserved value notifies. */
    @Test
    void shouldNotifyByEventFlags() {
        assertFalse(queue.needsNotification());
        assertTrue(needsNotificationAfterOne());
        assertFalse(queue.needsNotification());
        driverEvent(0, true, 1);
        assertFalse(needsNotificationAfterOne());
        driverEvent(0, true, 3);
        assertTrue(needsNotificationAfterOne());
        driverEvent(0, true, 0xFFFC);
        assertTrue(needsNotificationAfterOne());
    }

    /** §2.8.10: DESC notifies when that descriptor of that round is used, and not else. */
    @Test
    void shouldNotifyAtTheEventDescriptor() {
        for (int event = 0; event < 2 * SIZE; event++) {
            queue = ring.device(FEATURES);
            ring.low.asSlice(DESC_GPA, 16 * SIZE).fill((byte) 0);
            driverEvent(event % SIZE, event < SIZE, 2);
            for (int i = 0; i < 2 * SIZE; i++) {
                assertEquals(i == event, needsNotificationAfterOne(), "event " + event + ", descriptor " + i);
            }
        }
    }

    /** §2.8.10: DESC is only valid with EVENT_IDX; without, notify. */
    @Test
    void shouldNotifyOnDescWithoutEventIdx() {
        queue = ring.device(RingFeatures.RING_PACKED);
        driverEvent(3, true, 2);
        assertTrue(needsNotificationAfterOne());
    }

    private int deviceEvent() {
        return ring.low.get(GuestAccess.INT, USED_GPA);
    }

    /** §2.8.10: with EVENT_IDX the device names the next descriptor, without it just enables. */
    @Test
    void shouldWriteTheDeviceEventStructure() {
        queue.disableNotifications();
        assertEquals(1 << 16, deviceEvent());
        needsNotificationAfterOne();
        assertFalse(queue.enableNotifications());
        assertEquals(2 << 16 | 0x8000 | 1, deviceEvent());
        queue = ring.device(RingFeatures.RING_PACKED);
        queue.disableNotifications();
        queue.enableNotifications();
        assertEquals(0, deviceEvent());
    }

    /** §2.8.21.3: a buffer exposed before the device asked is reported by the asking. */
    @Test
    void shouldReportWhatArrivedBeforeNotificationsWereEnabled() {
        assertNull(queue.popChain());
        available(0, BUFFER_GPA, 1, 0, 0);
        assertTrue(queue.enableNotifications());
    }

    /** §2.8.10.1: the table of alignments and sizes. */
    @Test
    void shouldCheckTheGeometry() {
        assertNull(check(SIZE, DESC_GPA, AVAIL_GPA, USED_GPA));
        assertNull(check(1, DESC_GPA, AVAIL_GPA, USED_GPA));
        for (int size : new int[] {0, -1, 32769, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertEquals(DriverFault.QUEUE_SIZE_INVALID, check(size, DESC_GPA, AVAIL_GPA, USED_GPA), "size " + size);
        }
        assertEquals(DriverFault.QUEUE_MISALIGNED, check(SIZE, DESC_GPA + 8, AVAIL_GPA, USED_GPA));
        assertEquals(DriverFault.QUEUE_MISALIGNED, check(SIZE, DESC_GPA, AVAIL_GPA + 2, USED_GPA));
        assertEquals(DriverFault.QUEUE_MISALIGNED, check(SIZE, DESC_GPA, AVAIL_GPA, USED_GPA + 2));
        assertNull(check(SIZE, APART_END - 16 * SIZE, APART_END - 4, APART_END - 4));
        assertEquals(DriverFault.QUEUE_OUTSIDE_MEMORY, check(SIZE, APART_END - 16 * SIZE + 16, AVAIL_GPA, USED_GPA));
        assertEquals(DriverFault.QUEUE_OUTSIDE_MEMORY, check(SIZE, DESC_GPA, APART_END, USED_GPA));
        assertEquals(DriverFault.QUEUE_OUTSIDE_MEMORY, check(SIZE, DESC_GPA, AVAIL_GPA, APART_END));
    }

    @Test
    void shouldTakeTheLargestQueueSize() {
        try (GuestMemory memory = GuestMemory.anonymous(2 << 20)) {
            QueueGeometry largest = new QueueGeometry(QueueGeometry.MAX_SIZE, 0x10_0000, 0, 0x2_0000);
            assertNull(Virtqueue.check(memory, largest, FEATURES));
        }
    }

    private DriverFault check(int size, long descGpa, long driverGpa, long deviceGpa) {
        return Virtqueue.check(ring.memory, new QueueGeometry(size, descGpa, driverGpa, deviceGpa), FEATURES);
    }

    /** A position is a place in the ring. */
    @Test
    void shouldRejectAPositionOutsideTheRing() {
        assertThrows(IllegalArgumentException.class,
            () -> Virtqueue.create(ring.memory, ring.geometry, FEATURES, SIZE));
    }

    /** No more buffers can be lost than there are places in the ring. */
    @Test
    void shouldRejectPositionsThatNoQueueCanBeAt() {
        int wrapped = 0x8000;
        assertEquals(0, Virtqueue.create(ring.memory, ring.geometry, FEATURES, 2, 2).inFlight());
        assertEquals(2, Virtqueue.create(ring.memory, ring.geometry, FEATURES, 2, 2 | wrapped).position(), "all of them lost");
        assertThrows(IllegalArgumentException.class, () -> Virtqueue.create(ring.memory, ring.geometry, FEATURES, 2, 3));
        assertThrows(IllegalArgumentException.class, () -> Virtqueue.create(ring.memory, ring.geometry, FEATURES, 3, 2 | wrapped));
    }

    /** §2.7.5.2's limit holds here too: 2^32 bytes in total are legal, one more is not. */
    @Test
    @Tag("class:length")
    void shouldRefuseMoreThanFourGibibytesInTotal() {
        long megabyte = 1 << 20;
        try (var memory = dev.miraflores.memory.GuestMemory.anonymous(4 * megabyte)) {
            QueueGeometry geometry = new QueueGeometry(8192, 0x10_0000, 0, 4);
            VirtqueueDriver driver = VirtqueueDriver.create(memory, geometry, FEATURES);
            BufferElements buffer = new BufferElements();
            for (int i = 0; i < 4096; i++) {
                buffer.readable(3 * megabyte, megabyte);
            }
            queue = Virtqueue.create(memory, geometry, FEATURES);
            driver.add(buffer);
            driver.publish();
            assertEquals(1L << 32, queue.popChain().readableBytes());
            queue.addUsed(0, 0);
            queue.publish();
            driver.pollUsed();
            driver.add(buffer.writable(3 * megabyte, 1));
            driver.publish();
            assertEquals(DriverFault.CHAIN_TOO_LARGE, queue.popChain().fault());
        }
    }
}
