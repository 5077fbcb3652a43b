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

/** The device side of split queues against drivers good and bad (virtio 1.3 §2.7). */
class SplitVirtqueueTest {

    private static final int SIZE = 8;

    private final RingFixture ring = new RingFixture(SIZE);

    @AfterEach
    void tearDown() {
        ring.close();
    }

    private DriverFault chainFault() {
        return chainFault(ring.device());
    }

    private static DriverFault chainFault(Virtqueue queue) {
        DescriptorChain chain = queue.popChain();
        assertNotNull(chain);
        assertNull(queue.fault());
        if (chain.fault() != null) {
            assertEquals(0, chain.count());
            assertEquals(0, chain.readableCount());
            assertEquals(0, chain.writableCount());
            assertEquals(0, chain.readableBytes());
            assertEquals(0, chain.writableBytes());
            assertFalse(chain.fault().endsQueue());
        }
        return chain.fault();
    }

    private DriverFault queueFault() {
        Virtqueue queue = ring.device();
        assertNull(queue.popChain());
        if (queue.fault() != null) {
            assertTrue(queue.fault().endsQueue());
        }
        return queue.fault();
    }

    /** §2.7.5: a chain's elements come in the order of next, not of their place in the table. */
    @Test
    void shouldFollowNextThroughTheTable() {
        ring.descriptor(5, BUFFER_GPA, 16, NEXT, 2);
        ring.descriptor(2, BUFFER_GPA + 0x1000, 0x200, NEXT | WRITE, 7);
        ring.descriptor(7, BUFFER_GPA + 0x2000, 1, WRITE, 99);
        ring.expose(5);

        DescriptorChain chain = ring.device().popChain();

        assertEquals(5, chain.head());
        assertNull(chain.fault());
        assertEquals(List.of(new Element(BUFFER_GPA, 16, false), new Element(BUFFER_GPA + 0x1000, 0x200, true),
            new Element(BUFFER_GPA + 0x2000, 1, true)), RingFixture.elementsOf(chain));
        assertEquals(1, chain.readableCount());
        assertEquals(2, chain.writableCount());
        assertEquals(16, chain.readableBytes());
        assertEquals(0x201, chain.writableBytes());
    }

    /** §2.7.5.3: next is followed in an indirect table too, within that table. */
    @Test
    void shouldFollowNextThroughAnIndirectTable() {
        ring.descriptor(3, TABLE_GPA, 16 * 3, INDIRECT, 0);
        ring.tableEntry(0, BUFFER_GPA, 16, NEXT, 2);
        ring.tableEntry(2, BUFFER_GPA + 0x1000, 32, NEXT, 1);
        ring.tableEntry(1, BUFFER_GPA + 0x2000, 1, WRITE, 0);
        ring.expose(3);

        DescriptorChain chain = ring.device().popChain();

        assertEquals(3, chain.head());
        assertEquals(List.of(new Element(BUFFER_GPA, 16, false), new Element(BUFFER_GPA + 0x1000, 32, false),
            new Element(BUFFER_GPA + 0x2000, 1, true)), RingFixture.elementsOf(chain));
        assertEquals(48, chain.readableBytes());
        assertEquals(1, chain.writableBytes());
    }

    /** §2.7.5.3.2: zero or more normal descriptors, then one that refers to a table. */
    @Test
    @Tag("virtio:2.7.5.3.2/after-direct")
    void shouldTakeAnIndirectTableAfterDirectDescriptors() {
        ring.descriptor(0, BUFFER_GPA, 16, NEXT, 1);
        ring.descriptor(1, TABLE_GPA, 32, INDIRECT, 0);
        ring.tableEntry(0, BUFFER_GPA + 0x100, 8, NEXT, 1);
        ring.tableEntry(1, BUFFER_GPA + 0x200, 4, WRITE, 0);
        ring.expose(0);

        DescriptorChain chain = ring.device().popChain();

        assertEquals(3, chain.count());
        assertEquals(24, chain.readableBytes());
        assertEquals(4, chain.writableBytes());
    }

    /** §2.7.5.3.2: WRITE in the descriptor that refers to the table is ignored. */
    @Test
    @Tag("virtio:2.7.5.3.2/write-flag")
    void shouldIgnoreWriteOnTheReferringDescriptor() {
        ring.descriptor(0, TABLE_GPA, 16, INDIRECT | WRITE, 0);
        ring.tableEntry(0, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);

        DescriptorChain chain = ring.device().popChain();

        assertEquals(List.of(new Element(BUFFER_GPA, 16, false)), RingFixture.elementsOf(chain));
    }

    /** §2.7.5.3: nothing says that an indirect table is aligned. */
    @Test
    void shouldReadAnIndirectTableAtAnyAddress() {
        ring.descriptor(0, TABLE_GPA + 3, 16, INDIRECT, 0);
        ring.descriptorAt(TABLE_GPA + 3, BUFFER_GPA + 5, 77, WRITE, 0);
        ring.expose(0);

        DescriptorChain chain = ring.device().popChain();

        assertEquals(List.of(new Element(BUFFER_GPA + 5, 77, true)), RingFixture.elementsOf(chain));
    }

    /** §2.7.5: flags other than NEXT, WRITE and INDIRECT mean nothing. */
    @Test
    void shouldIgnoreUnknownFlags() {
        ring.descriptor(0, BUFFER_GPA, 16, 0xFFF8, 1);
        ring.expose(0);

        assertEquals(1, ring.device().popChain().count());
    }

    /** §2.7: a chain may have as many descriptors as the queue. */
    @Test
    void shouldTakeAChainOfQueueSize() {
        for (int i = 0; i < SIZE; i++) {
            ring.descriptor(i, BUFFER_GPA, 1, i < SIZE - 1 ? NEXT : 0, i + 1);
        }
        ring.expose(0);

        assertEquals(SIZE, ring.device().popChain().count());
    }

    /** A buffer of no bytes is one element, and counts. */
    @Test
    void shouldTakeElementsOfNoBytes() {
        ring.descriptor(0, BUFFER_GPA, 0, NEXT, 1);
        ring.descriptor(1, BUFFER_GPA, 16, NEXT, 2);
        ring.descriptor(2, BUFFER_GPA, 0, WRITE, 0);
        ring.expose(0);

        DescriptorChain chain = ring.device().popChain();

        assertEquals(3, chain.count());
        assertEquals(2, chain.readableCount());
        assertEquals(16, chain.readableBytes());
        assertEquals(0, chain.writableBytes());
    }

    /** CVE-2016-6490's shape: descriptors of no bytes in a loop end too. */
    @Test
    @Tag("class:endless")
    void shouldRefuseALoopOfElementsOfNoBytes() {
        ring.descriptor(0, BUFFER_GPA, 0, NEXT, 0);
        ring.expose(0);

        assertEquals(DriverFault.CHAIN_TOO_LONG, chainFault());
    }

    /** §2.7.5.2: loops are forbidden. */
    @Test
    @Tag("class:endless")
    void shouldRefuseALoopInTheTable() {
        ring.descriptor(0, BUFFER_GPA, 16, NEXT, 1);
        ring.descriptor(1, BUFFER_GPA, 16, NEXT, 0);
        ring.expose(0);

        assertEquals(DriverFault.CHAIN_TOO_LONG, chainFault());
    }

    /** §2.7.5.2: loops are forbidden in indirect tables too. */
    @Test
    @Tag("class:endless")
    void shouldRefuseALoopInAnIndirectTable() {
        ring.descriptor(0, TABLE_GPA, 32, INDIRECT, 0);
        ring.tableEntry(0, BUFFER_GPA, 16, NEXT, 1);
        ring.tableEntry(1, BUFFER_GPA, 16, NEXT, 1);
        ring.expose(0);

        assertEquals(DriverFault.CHAIN_TOO_LONG, chainFault());
    }

    /** §2.7.5.3.1: no chain longer than Queue Size, however its descriptors are spread. */
    @Test
    void shouldRefuseMoreThanQueueSizeOverBothTables() {
        ring.descriptor(0, BUFFER_GPA, 1, NEXT, 1);
        ring.descriptor(1, TABLE_GPA, 16 * SIZE, INDIRECT, 0);
        for (int i = 0; i < SIZE; i++) {
            ring.tableEntry(i, BUFFER_GPA, 1, i < SIZE - 1 ? NEXT : 0, i + 1);
        }
        ring.expose(0);

        assertEquals(DriverFault.CHAIN_TOO_LONG, chainFault());
    }

    /** §2.7.5: next is an index into the table. */
    @Test
    void shouldRefuseNextOutsideTheTable() {
        ring.descriptor(0, BUFFER_GPA, 16, NEXT, SIZE);
        ring.descriptor(SIZE, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);

        assertEquals(DriverFault.NEXT_OUT_OF_RANGE, chainFault());
    }

    /** §2.7.5: next is 16 bits without a sign. */
    @Test
    void shouldRefuseTheLargestNext() {
        ring.descriptor(0, BUFFER_GPA, 16, NEXT, 0xFFFF);
        ring.expose(0);

        assertEquals(DriverFault.NEXT_OUT_OF_RANGE, chainFault());
    }

    /** §2.7.5.3: next is an index into the indirect table, whose length says how long it is. */
    @Test
    void shouldRefuseNextOutsideTheIndirectTable() {
        ring.descriptor(0, TABLE_GPA, 32, INDIRECT, 0);
        ring.tableEntry(0, BUFFER_GPA, 16, NEXT, 2);
        ring.tableEntry(2, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);

        assertEquals(DriverFault.NEXT_OUT_OF_RANGE, chainFault());
    }

    /** §2.7.4.2: device-writable elements come after device-readable ones. */
    @Test
    void shouldRefuseReadableAfterWritable() {
        ring.descriptor(0, BUFFER_GPA, 16, NEXT | WRITE, 1);
        ring.descriptor(1, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);

        assertEquals(DriverFault.READABLE_AFTER_WRITABLE, chainFault());
    }

    /** §2.7.4.2 holds across the step into an indirect table. */
    @Test
    void shouldRefuseReadableInTheTableAfterWritableBeforeIt() {
        ring.descriptor(0, BUFFER_GPA, 16, NEXT | WRITE, 1);
        ring.descriptor(1, TABLE_GPA, 16, INDIRECT, 0);
        ring.tableEntry(0, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);

        assertEquals(DriverFault.READABLE_AFTER_WRITABLE, chainFault());
    }

    /** §2.7.5: the whole of a buffer is guest memory. */
    @Test
    void shouldTakeABufferUpToTheEndOfMemoryAndRefuseOneByteMore() {
        ring.descriptor(0, APART_END - 16, 16, 0, 0);
        ring.descriptor(1, APART_END - 16, 17, 0, 0);
        ring.expose(0);
        ring.expose(1);
        Virtqueue queue = ring.device();

        assertNull(chainFault(queue));
        assertEquals(DriverFault.BUFFER_OUTSIDE_MEMORY, chainFault(queue));
    }

    /** A buffer over two regions is refused even where they touch. */
    @Test
    void shouldRefuseABufferOverTwoRegions() {
        ring.descriptor(0, FIRST_REGION_END - 8, 16, WRITE, 0);
        ring.expose(0);

        assertEquals(DriverFault.BUFFER_OUTSIDE_MEMORY, chainFault());
    }

    /** Addresses and lengths that overflow 64 bits together are outside. */
    @Test
    @Tag("class:length")
    void shouldRefuseABufferThatWrapsAroundTheAddressSpace() {
        ring.descriptor(0, -8, 0xFFFF_FFFFL, WRITE, 0);
        ring.descriptor(1, Long.MIN_VALUE, 16, WRITE, 0);
        ring.descriptor(2, Long.MAX_VALUE, 16, WRITE, 0);
        ring.expose(0);
        ring.expose(1);
        ring.expose(2);
        Virtqueue queue = ring.device();

        assertEquals(DriverFault.BUFFER_OUTSIDE_MEMORY, chainFault(queue));
        assertEquals(DriverFault.BUFFER_OUTSIDE_MEMORY, chainFault(queue));
        assertEquals(DriverFault.BUFFER_OUTSIDE_MEMORY, chainFault(queue));
    }

    /** §2.7.5: len has 32 bits without a sign. */
    @Test
    @Tag("class:length")
    void shouldTakeLengthsAsUnsigned() {
        ring.descriptor(0, BUFFER_GPA, 0x8000_0000L, WRITE, 0);
        ring.expose(0);

        assertEquals(DriverFault.BUFFER_OUTSIDE_MEMORY, chainFault());
    }

    /** §2.7.5.3.1: INDIRECT only where it was negotiated. */
    @Test
    void shouldRefuseIndirectWhereNotNegotiated() {
        ring.descriptor(0, TABLE_GPA, 16, INDIRECT, 0);
        ring.tableEntry(0, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);

        assertEquals(DriverFault.INDIRECT_NOT_NEGOTIATED, chainFault(ring.device(RingFeatures.VERSION_1)));
    }

    /** §2.7.5.3.1: one table per descriptor. */
    @Test
    void shouldRefuseATableWithinATable() {
        ring.descriptor(0, TABLE_GPA, 16, INDIRECT, 0);
        ring.tableEntry(0, TABLE_GPA + 0x100, 16, INDIRECT, 0);
        ring.expose(0);

        assertEquals(DriverFault.INDIRECT_IN_INDIRECT, chainFault());
    }

    /** §2.7.5.3.1: not INDIRECT and NEXT both. */
    @Test
    void shouldRefuseIndirectWithNext() {
        ring.descriptor(0, TABLE_GPA, 16, INDIRECT | NEXT, 1);
        ring.tableEntry(0, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);

        assertEquals(DriverFault.INDIRECT_WITH_NEXT, chainFault());
    }

    /** §2.7.5.3: a table has entries, and no halves of them. */
    @Test
    void shouldRefuseAnIndirectTableOfABadLength() {
        ring.tableEntry(0, BUFFER_GPA, 16, 0, 0);
        long[] badLengths = {0, 1, 15, 17, 31};
        for (int i = 0; i < badLengths.length; i++) {
            ring.descriptor(i, TABLE_GPA, badLengths[i], INDIRECT, 0);
            ring.expose(i);
        }
        Virtqueue queue = ring.device();
        for (int i = 0; i < badLengths.length; i++) {
            assertEquals(DriverFault.INDIRECT_LENGTH_INVALID, chainFault(queue), "length " + badLengths[i]);
        }
    }

    /** §2.7.5: next has 16 bits, so a table of more than 65536 entries has some that nothing can reach. */
    @Test
    void shouldRefuseAnIndirectTableOfMoreEntriesThanNextReaches() {
        // Neither table is memory: the one of legal length gets as far as that check.
        ring.descriptor(0, TABLE_GPA, 16 * 65537L, INDIRECT, 0);
        ring.descriptor(1, TABLE_GPA, 16 * 65536L, INDIRECT, 0);
        ring.expose(0);
        ring.expose(1);
        Virtqueue queue = ring.device();

        assertEquals(DriverFault.INDIRECT_LENGTH_INVALID, chainFault(queue));
        assertEquals(DriverFault.INDIRECT_OUTSIDE_MEMORY, chainFault(queue));
    }

    /** §2.7.5.3: a table may have more entries than the queue, only a chain may not. */
    @Test
    void shouldTakeALongerTableThanTheQueueForAShortChain() {
        ring.descriptor(0, TABLE_GPA, 16 * 64, INDIRECT, 0);
        ring.tableEntry(0, BUFFER_GPA, 16, NEXT, 63);
        ring.tableEntry(63, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);

        assertEquals(2, ring.device().popChain().count());
    }

    /** §2.7.5.3: the whole table is guest memory. */
    @Test
    void shouldRefuseAnIndirectTableThatIsNotAllMemory() {
        ring.descriptor(0, APART_END - 16, 32, INDIRECT, 0);
        ring.descriptor(1, -16, 16, INDIRECT, 0);
        ring.expose(0);
        ring.expose(1);
        Virtqueue queue = ring.device();

        assertEquals(DriverFault.INDIRECT_OUTSIDE_MEMORY, chainFault(queue));
        assertEquals(DriverFault.INDIRECT_OUTSIDE_MEMORY, chainFault(queue));
    }

    /** A spoilt chain is given back, and the queue goes on. */
    @Test
    void shouldGoOnAfterAMalformedChain() {
        ring.descriptor(0, -8, 16, 0, 0);
        ring.descriptor(1, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);
        ring.expose(1);
        Virtqueue queue = ring.device();

        queue.addUsed(queue.popChain().head(), 0);
        DescriptorChain next = queue.popChain();

        assertNull(next.fault());
        assertEquals(1, next.count());
    }

    /** §2.7.6: heads are indices into the descriptor table. */
    @Test
    void shouldEndTheQueueOnAHeadOutOfRange() {
        ring.expose(SIZE);
        assertEquals(DriverFault.HEAD_OUT_OF_RANGE, queueFault());
    }

    /** §2.7.6: a head has 16 bits without a sign. */
    @Test
    @Tag("class:selector")
    void shouldEndTheQueueOnTheLargestHead() {
        ring.expose(0xFFFF);
        assertEquals(DriverFault.HEAD_OUT_OF_RANGE, queueFault());
    }

    /** §2.7: no more buffers can be queued than the queue has entries. */
    @Test
    @Tag("class:endless")
    @Tag("class:selector")
    void shouldEndTheQueueOnMoreHeadsThanItHolds() {
        ring.setAvailIdx(SIZE + 1);
        assertEquals(DriverFault.AVAIL_IDX_JUMPED, queueFault());
    }

    /** §2.7: exactly Queue Size is legal. */
    @Test
    void shouldTakeAsManyHeadsAsItHolds() {
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        ring.setAvailIdx(SIZE);
        Virtqueue queue = ring.device();
        for (int i = 0; i < SIZE; i++) {
            assertNotNull(queue.popChain());
        }
        assertNull(queue.popChain());
        assertNull(queue.fault());
    }

    /** §2.7.6.1: there is no way to unexpose a buffer. */
    @Test
    void shouldEndTheQueueWhenIdxMovesBack() {
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        ring.expose(0);
        ring.expose(0);
        Virtqueue queue = ring.device();
        queue.popChain();
        queue.popChain();
        ring.setAvailIdx(1);

        assertNull(queue.popChain());
        assertEquals(DriverFault.AVAIL_IDX_JUMPED, queue.fault());
    }

    /** CVE-2016-5403's class: what is in flight counts, so a driver cannot make a device hold more than Queue Size. */
    @Test
    void shouldEndTheQueueOnMoreInFlightThanItHolds() {
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        ring.setAvailIdx(SIZE);
        Virtqueue queue = ring.device();
        for (int i = 0; i < SIZE; i++) {
            queue.popChain();
        }
        ring.setAvailIdx(SIZE + 1);

        assertTrue(queue.hasAvailable());
        assertNull(queue.popChain());
        assertEquals(DriverFault.AVAIL_IDX_JUMPED, queue.fault());
        assertEquals(SIZE, queue.inFlight());
    }

    /** A buffer given back makes room for another. */
    @Test
    void shouldTakeAnotherHeadForEachUsed() {
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        ring.setAvailIdx(SIZE);
        Virtqueue queue = ring.device();
        for (int i = 0; i < SIZE; i++) {
            queue.popChain();
        }
        queue.addUsed(0, 0);
        ring.setAvailIdx(SIZE + 1);

        assertNotNull(queue.popChain());
        assertNull(queue.fault());
    }

    @Test
    void shouldFindNothingInAFreshRing() {
        Virtqueue queue = ring.device();
        assertFalse(queue.hasAvailable());
        assertNull(queue.popChain());
        assertNull(queue.fault());
    }

    /** What was exposed stays exposed: an idx that moves meanwhile is looked at once that is popped. */
    @Test
    void shouldGoOnWithWhatItSawWhenIdxMoves() {
        for (int i = 0; i < 3; i++) {
            ring.descriptor(i, BUFFER_GPA, 16, 0, 0);
            ring.expose(i);
        }
        Virtqueue queue = ring.device();
        queue.popChain();

        ring.setAvailIdx(1);
        assertTrue(queue.hasAvailable());
        ring.setAvailIdx(0x9000);
        assertTrue(queue.hasAvailable());
        assertEquals(1, queue.popChain().head());
        assertEquals(2, queue.popChain().head());
        assertNull(queue.fault());
        assertNull(queue.popChain());
        assertEquals(DriverFault.AVAIL_IDX_JUMPED, queue.fault());
    }

    /** cloud-hypervisor#7605's class: a queue at its end neither spins nor comes back. */
    @Test
    void shouldStayAtItsEnd() {
        ring.setAvailIdx(0x8000);
        Virtqueue queue = ring.device();
        assertNull(queue.popChain());
        ring.setAvailIdx(1);

        assertNull(queue.popChain());
        assertFalse(queue.hasAvailable());
        assertFalse(queue.enableNotifications());
        assertEquals(DriverFault.AVAIL_IDX_JUMPED, queue.fault());
    }

    /** A bad head ends the queue for good, whatever the driver puts in its place. */
    @Test
    void shouldStayAtItsEndWhenTheHeadIsMended() {
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        ring.expose(SIZE);
        ring.expose(0);
        Virtqueue queue = ring.device();
        assertNull(queue.popChain());
        ring.low.set(GuestAccess.SHORT, AVAIL_GPA + 4, (short) 0);

        assertNull(queue.popChain());
        assertFalse(queue.hasAvailable());
        assertEquals(DriverFault.HEAD_OUT_OF_RANGE, queue.fault());
    }

    /** What was in flight when the queue ended can still be given back. */
    @Test
    void shouldTakeBackWhatWasInFlightAtItsEnd() {
        ring.descriptor(0, BUFFER_GPA, 16, WRITE, 0);
        ring.expose(0);
        Virtqueue queue = ring.device();
        queue.popChain();
        ring.expose(0xFFFF);
        assertNull(queue.popChain());

        queue.addUsed(0, 16);
        queue.publish();

        assertEquals(1, ring.usedIdx());
    }

    /** §2.7.8: id and len of each element, and an idx that moves once they are there. */
    @Test
    @Tag("virtio:2.7.8.2/len-first")
    void shouldPublishUsedElementsTogether() {
        ring.descriptor(2, BUFFER_GPA, 16, WRITE, 0);
        ring.descriptor(6, BUFFER_GPA, 16, WRITE, 0);
        ring.expose(2);
        ring.expose(6);
        Virtqueue queue = ring.device();
        queue.popChain();
        queue.popChain();

        queue.addUsed(6, 0xFFFF_FFFF);
        queue.addUsed(2, 7);
        assertEquals(0, ring.usedIdx());
        queue.publish();

        assertEquals(2, ring.usedIdx());
        assertEquals(6, ring.usedId(0));
        assertEquals(0xFFFF_FFFF, ring.usedLength(0));
        assertEquals(2, ring.usedId(1));
        assertEquals(7, ring.usedLength(1));
        assertEquals(0, queue.inFlight());
    }

    /** Giving back what was never taken is the device's own mistake. */
    @Test
    void shouldRejectUsedWithoutAChainInFlight() {
        Virtqueue queue = ring.device();
        assertThrows(IllegalStateException.class, () -> queue.addUsed(0, 0));
    }

    /** §2.7.6, §2.7.8: both idx fields wrap at 65536, and the place in the ring with them. */
    @Test
    void shouldWrapItsIndices() {
        ring.descriptor(1, BUFFER_GPA, 16, 0, 0);
        ring.setAvailIdx(0xFFFE);
        Virtqueue queue = Virtqueue.create(ring.memory, ring.geometry, RingFixture.ALL_FEATURES, 0xFFFE);
        for (int i = 0; i < 4; i++) {
            ring.expose(1);
        }

        for (int i = 0; i < 4; i++) {
            assertEquals(1, queue.popChain().head());
            queue.addUsed(1, i + 1);
        }
        queue.publish();

        assertNull(queue.popChain());
        assertEquals(2, ring.usedIdx());
        assertEquals(2, queue.position());
        assertEquals(1, ring.usedLength(6));
        assertEquals(2, ring.usedLength(7));
        assertEquals(3, ring.usedLength(0));
        assertEquals(4, ring.usedLength(1));
    }

    /** §2.7.7.2 without EVENT_IDX: flags decide, used_event does not. */
    @Test
    @Tag("virtio:2.7.7.2/flags")
    @Tag("virtio:2.7.7.2/ignore-used-event")
    void shouldNotifyByFlagsWithoutEventIdx() {
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        ring.setAvailIdx(3);
        ring.setUsedEvent(0x1234);
        Virtqueue queue = ring.device(RingFeatures.VERSION_1);

        assertFalse(queue.needsNotification());
        queue.addUsed(queue.popChain().head(), 0);
        assertTrue(queue.needsNotification());
        assertFalse(queue.needsNotification());
        ring.setAvailFlags(1);
        ring.setUsedEvent(1);
        queue.addUsed(queue.popChain().head(), 0);
        assertFalse(queue.needsNotification());
        assertEquals(2, ring.usedIdx());
    }

    /** §2.7.7.2 with EVENT_IDX: the entry at used_event decides, flags do not. */
    @Test
    @Tag("virtio:2.7.7.2/used-event")
    void shouldNotifyAtUsedEventWithEventIdx() {
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        ring.setAvailIdx(5);
        ring.setAvailFlags(1);
        Virtqueue queue = ring.device();
        boolean[] notified = new boolean[5];
        ring.setUsedEvent(2);
        for (int i = 0; i < 5; i++) {
            queue.addUsed(queue.popChain().head(), 0);
            notified[i] = queue.needsNotification();
        }
        assertEquals("[false, false, true, false, false]", java.util.Arrays.toString(notified));
    }

    /** §2.7.7.2: a batch that passes used_event notifies, wherever in the batch that entry is. */
    @Test
    @Tag("virtio:2.7.7.2/used-event")
    void shouldNotifyWhenABatchPassesUsedEvent() {
        for (int event = 0xFFFA; event < 0x1_0008; event++) {
            try (RingFixture fresh = new RingFixture(SIZE)) {
                fresh.descriptor(0, BUFFER_GPA, 16, 0, 0);
                Virtqueue queue = Virtqueue.create(fresh.memory, fresh.geometry, RingFixture.ALL_FEATURES, 0xFFFE);
                fresh.setAvailIdx(2);
                fresh.setUsedEvent(event);
                while (queue.popChain() != null) {
                    queue.addUsed(0, 0);
                }
                // Entries 0xFFFE, 0xFFFF, 0 and 1 were written.
                assertEquals(event >= 0xFFFE && event <= 0x1_0001, queue.needsNotification(), "event " + event);
            }
        }
    }

    /** §2.7.10.2 without EVENT_IDX: flags are 0 or 1. */
    @Test
    @Tag("virtio:2.7.10.2/flags")
    void shouldSuppressByFlagsWithoutEventIdx() {
        Virtqueue queue = ring.device(RingFeatures.VERSION_1);
        queue.disableNotifications();
        assertEquals(1, ring.usedFlags());
        assertFalse(queue.enableNotifications());
        assertEquals(0, ring.usedFlags());
        assertEquals(0, ring.availEvent());
    }

    /** §2.7.10.2 with EVENT_IDX: flags stay 0, and avail_event is the next entry. */
    @Test
    @Tag("virtio:2.7.10.2/flags-zero")
    void shouldAskByAvailEventWithEventIdx() {
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        ring.setAvailIdx(2);
        Virtqueue queue = ring.device();
        queue.disableNotifications();
        queue.popChain();
        queue.popChain();
        assertEquals(0, ring.usedFlags());
        assertEquals(0, ring.availEvent());

        assertFalse(queue.enableNotifications());

        assertEquals(2, ring.availEvent());
        assertEquals(0, ring.usedFlags());
    }

    /** §2.7.10: a buffer exposed before the device asked is reported by the asking. */
    @Test
    void shouldReportWhatArrivedBeforeNotificationsWereEnabled() {
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        Virtqueue queue = ring.device();
        assertNull(queue.popChain());
        ring.expose(0);

        assertTrue(queue.enableNotifications());
        assertTrue(queue.hasAvailable());
    }

    /** §2.7: the table of alignments and sizes. */
    @Test
    void shouldCheckTheGeometry() {
        assertNull(check(SIZE, DESC_GPA, AVAIL_GPA, USED_GPA));
        assertNull(check(1, DESC_GPA, AVAIL_GPA, USED_GPA));
        for (int size : new int[] {0, -1, 3, 6, 32769, 65536, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            assertEquals(DriverFault.QUEUE_SIZE_INVALID, check(size, DESC_GPA, AVAIL_GPA, USED_GPA), "size " + size);
        }
        assertEquals(DriverFault.QUEUE_MISALIGNED, check(SIZE, DESC_GPA + 8, AVAIL_GPA, USED_GPA));
        assertEquals(DriverFault.QUEUE_MISALIGNED, check(SIZE, DESC_GPA, AVAIL_GPA + 1, USED_GPA));
        assertEquals(DriverFault.QUEUE_MISALIGNED, check(SIZE, DESC_GPA, AVAIL_GPA, USED_GPA + 2));
        assertNull(check(SIZE, DESC_GPA + 16, AVAIL_GPA + 2, USED_GPA + 4));
    }

    @Test
    void shouldTakeTheLargestQueueSize() {
        try (GuestMemory memory = GuestMemory.anonymous(2 << 20)) {
            QueueGeometry largest = new QueueGeometry(QueueGeometry.MAX_SIZE, 0x10_0000, 0, 0x2_0000);
            assertNull(Virtqueue.check(memory, largest, 0));
        }
    }

    /** §2.7: each part is memory to its last byte, used_event and avail_event included. */
    @Test
    void shouldCheckThatTheWholeQueueIsMemory() {
        long end = APART_END;
        assertNull(check(SIZE, end - 16 * SIZE, AVAIL_GPA, USED_GPA));
        assertEquals(DriverFault.QUEUE_OUTSIDE_MEMORY, check(SIZE, end - 16 * SIZE + 16, AVAIL_GPA, USED_GPA));
        assertNull(check(SIZE, DESC_GPA, end - 6 - 2 * SIZE, USED_GPA));
        assertEquals(DriverFault.QUEUE_OUTSIDE_MEMORY, check(SIZE, DESC_GPA, end - 6 - 2 * SIZE + 2, USED_GPA));
        assertNull(check(SIZE, DESC_GPA, AVAIL_GPA, end - 8 - 8 * SIZE));
        assertEquals(DriverFault.QUEUE_OUTSIDE_MEMORY, check(SIZE, DESC_GPA, AVAIL_GPA, end - 4 - 8 * SIZE));
        for (long gpa : new long[] {Long.MIN_VALUE, -16, Long.MAX_VALUE - 15, 0x8_0000, 0x4000_0000_0000L}) {
            assertEquals(DriverFault.QUEUE_OUTSIDE_MEMORY, check(SIZE, gpa, AVAIL_GPA, USED_GPA));
            assertEquals(DriverFault.QUEUE_OUTSIDE_MEMORY, check(SIZE, DESC_GPA, gpa, USED_GPA));
            assertEquals(DriverFault.QUEUE_OUTSIDE_MEMORY, check(SIZE, DESC_GPA, AVAIL_GPA, gpa));
        }
    }

    private DriverFault check(int size, long descGpa, long driverGpa, long deviceGpa) {
        return Virtqueue.check(ring.memory, new QueueGeometry(size, descGpa, driverGpa, deviceGpa), 0);
    }

    /** A queue that fails the check is not made. */
    @Test
    void shouldRejectAGeometryThatFailsTheCheck() {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
            () -> Virtqueue.create(ring.memory, new QueueGeometry(3, 0, 0, 0), 0));
        assertTrue(e.getMessage().startsWith("QUEUE_SIZE_INVALID"));
    }

    /** The parts may even be one and the same memory: the device reads and writes garbage, within it. */
    @Test
    @Tag("class:reentrancy")
    void shouldSurviveAQueueWhosePartsOverlap() {
        Virtqueue queue = Virtqueue.create(ring.memory, new QueueGeometry(SIZE, DESC_GPA, DESC_GPA, DESC_GPA), 0);
        ring.low.fill((byte) 1);
        for (int i = 0; i < 1000 && queue.fault() == null; i++) {
            DescriptorChain chain = queue.popChain();
            if (chain != null) {
                queue.addUsed(chain.head(), 1);
            }
            queue.needsNotification();
            queue.enableNotifications();
        }
    }

    /** After the memory is closed, an access is an exception and not a crash. */
    @Test
    @Tag("class:lifetime")
    void shouldThrowOnceTheMemoryIsClosed() {
        Virtqueue queue = ring.device();
        ring.expose(0);
        ring.memory.close();
        assertThrows(IllegalStateException.class, queue::popChain);
        assertThrows(IllegalStateException.class, queue::enableNotifications);
    }

    /** §2.7.5.2: 2^32 bytes in total are legal, one more is not. */
    @Test
    @Tag("class:length")
    void shouldRefuseMoreThanFourGibibytesInTotal() {
        int elements = 1 << 13;
        long megabyte = 1 << 20;
        try (var memory = dev.miraflores.memory.GuestMemory.anonymous(4 * megabyte)) {
            QueueGeometry geometry = new QueueGeometry(elements, 0x10_0000, 0, 0x18_0000);
            VirtqueueDriver driver = VirtqueueDriver.create(memory, geometry, 0);
            BufferElements buffer = new BufferElements();
            for (int i = 0; i < 4095; i++) {
                buffer.readable(3 * megabyte, megabyte);
            }
            driver.add(buffer.writable(3 * megabyte, megabyte));
            Virtqueue queue = Virtqueue.create(memory, geometry, 0);
            driver.publish();

            DescriptorChain chain = queue.popChain();
            assertNull(chain.fault());
            assertEquals(1L << 32, chain.readableBytes() + chain.writableBytes());

            queue.addUsed(chain.head(), 0);
            queue.publish();
            driver.pollUsed();
            driver.add(buffer.writable(3 * megabyte, 1));
            driver.publish();
            assertEquals(DriverFault.CHAIN_TOO_LARGE, queue.popChain().fault());
        }
    }
}
