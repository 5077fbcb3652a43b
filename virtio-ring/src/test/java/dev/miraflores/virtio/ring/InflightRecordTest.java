// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.RingFixture.BUFFER_GPA;
import static dev.miraflores.virtio.ring.RingFixture.DESC_GPA;
import static dev.miraflores.virtio.ring.RingFixture.INDIRECT;
import static dev.miraflores.virtio.ring.RingFixture.NEXT;
import static dev.miraflores.virtio.ring.RingFixture.TABLE_GPA;
import static dev.miraflores.virtio.ring.RingFixture.USED_GPA;
import static dev.miraflores.virtio.ring.RingFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.virtio.ring.RingFixture.Element;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Records of what is in flight, as a front end may have written them, and what a device makes of them that takes over. Each
 * record ends where the memory it lies in ends, so that an access outside of it is an exception.
 */
class InflightRecordTest {

    private static final int SIZE = 8;
    private static final long SPLIT = RingFeatures.VERSION_1;
    private static final long PACKED = RingFeatures.VERSION_1 | RingFeatures.RING_PACKED | RingFeatures.INDIRECT_DESC;
    /** A place in a packed ring that no record here names. */
    private static final int ELSEWHERE = 5 | 0x8000;

    private final Arena arena = Arena.ofConfined();
    private final RingFixture ring = new RingFixture(SIZE);
    private final MemorySegment split = arena.allocate(SplitInflight.byteSize(SIZE), 8);
    private final MemorySegment packed = arena.allocate(PackedInflight.byteSize(SIZE), 8);

    @AfterEach
    void tearDown() {
        ring.close();
        arena.close();
    }

    private static void put(MemorySegment record, long offset, int value) {
        record.set(GuestAccess.SHORT, offset, (short) value);
    }

    private static int get(MemorySegment record, long offset) {
        return record.get(GuestAccess.SHORT, offset) & 0xFFFF;
    }

    private static List<Integer> heads(Virtqueue queue) {
        List<Integer> heads = new ArrayList<>();
        for (DescriptorChain chain = queue.popChain(); chain != null; chain = queue.popChain()) {
            heads.add(chain.head());
        }
        return heads;
    }

    // ---- split

    private Virtqueue splitQueue() {
        Virtqueue queue = Virtqueue.create(ring.memory, ring.geometry, SPLIT);
        queue.trackInflight(split);
        return queue;
    }

    /** Version, entries, the head used last, the used idx. */
    private void splitRecord(int version, int entries, int lastBatchHead, int usedIdx) {
        put(split, 8, version);
        put(split, 10, entries);
        put(split, 12, lastBatchHead);
        put(split, 14, usedIdx);
    }

    private void splitEntry(int head, int inflight, int next, long counter) {
        split.set(GuestAccess.BYTE, 16 + 16L * head, (byte) inflight);
        put(split, 16 + 16L * head + 6, next);
        split.set(GuestAccess.LONG, 16 + 16L * head + 8, counter);
        ring.descriptor(head, BUFFER_GPA, 16, 0, 0);
    }

    private List<Integer> splitInFlight() {
        List<Integer> heads = new ArrayList<>();
        for (int head = 0; head < SIZE; head++) {
            if (split.get(GuestAccess.BYTE, 16 + 16L * head) == 1) {
                heads.add(head);
            }
        }
        return heads;
    }

    /** By counter, which has no sign; in the order of the table where a front end has made them equal. */
    @Test
    void shouldDoAgainInTheOrderOfTheCounters() {
        splitRecord(1, SIZE, 0, 0);
        splitEntry(1, 1, 0, -1);
        splitEntry(2, 1, 0, 7);
        splitEntry(3, 0, 0, 6);
        splitEntry(4, 1, 0, 7);
        splitEntry(7, 1, 0, 5);
        ring.setAvailIdx(4);

        Virtqueue queue = splitQueue();
        assertEquals(4, queue.position());
        assertTrue(queue.hasAvailable(), "what was in flight");
        assertEquals(List.of(7, 2, 4, 1), heads(queue));
        assertFalse(queue.hasAvailable());
    }

    /** What is fetched after a take-over comes after all that were in flight before it. */
    @Test
    void shouldCountOnFromTheLargestCounter() {
        splitRecord(1, SIZE, 0, 0);
        splitEntry(1, 1, 0, 100);
        splitEntry(6, 1, 0, 50);
        ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
        ring.setAvailIdx(2);
        ring.expose(0);

        assertEquals(List.of(6, 1, 0), heads(splitQueue()));
        assertEquals(List.of(6, 1, 0), heads(splitQueue()));
    }

    @ParameterizedTest
    @CsvSource({"0, 8", "2, 8", "1, 4", "1, 9", "1, 0"})
    void shouldBeginARecordThatIsNotOfThisQueue(int version, int entries) {
        splitRecord(version, entries, 0, 0);
        splitEntry(SIZE - 1, 1, 0, 7);
        assertEquals(List.of(), heads(splitQueue()));
        assertEquals(List.of(), splitInFlight());
        assertEquals(1, get(split, 8));
        assertEquals(SIZE, get(split, 10));
    }

    /** The driver has seen two more used than was noted: so many of the last batch are done, wherever its links lead. */
    @ParameterizedTest
    @CsvSource({"3, 1, 4, 024", "3, 1, 8, 024", "3, 65535, 0, 0124", "3, 3, 0, 0124", "8, 0, 0, 01234", "65535, 0, 0, 01234"})
    void shouldEndTheLastBatch(int last, int before, int beforeThat, String left) {
        ring.low.set(GuestAccess.SHORT, USED_GPA + 2, (short) 1);
        splitRecord(1, SIZE, last, 0xFFFF);
        for (int head = 0; head < 5; head++) {
            splitEntry(head, 1, 0, head);
        }
        splitEntry(3, 1, before, 3);
        splitEntry(1, 1, beforeThat, 1);
        assertEquals(left.chars().mapToObj(head -> head - '0').toList(), heads(splitQueue()));
    }

    /** No more of it than the queue has entries, whatever the used idx. */
    @Test
    void shouldEndALastBatchThatIsSaidToBeLong() {
        splitRecord(1, SIZE, 0, 1);
        for (int head = 0; head < SIZE; head++) {
            splitEntry(head, 1, head + 1, head);
        }
        assertEquals(List.of(), heads(splitQueue()));
    }

    /** What a batch consists of is not read back from the record, which the front end can write meanwhile. */
    @Test
    void shouldLinkABatchByWhatItKnowsItself() {
        for (int head = 0; head < 3; head++) {
            ring.descriptor(head, BUFFER_GPA, 16, 0, 0);
            ring.expose(head);
        }
        Virtqueue queue = splitQueue();
        assertEquals(List.of(0, 1, 2), heads(queue));
        queue.addUsed(2, 0);
        put(split, 12, 7);
        queue.addUsed(1, 0);
        assertEquals(2, get(split, 16 + 16 + 6), "next of 1");
        assertEquals(1, get(split, 12));
        queue.publish();
        assertEquals(List.of(0), splitInFlight());
        assertEquals(2, get(split, 14));
    }

    /** A driver that makes more available than it has seen used: the batch has more buffers than the queue. */
    @Test
    void shouldNoteABatchLongerThanTheQueue() {
        ring.descriptor(5, BUFFER_GPA, 16, 0, 0);
        Virtqueue queue = splitQueue();
        for (int i = 0; i < 5 * SIZE; i++) {
            ring.expose(5);
            queue.addUsed(queue.popChain().head(), 0);
        }
        assertEquals(List.of(5), splitInFlight());
        queue.publish();
        assertEquals(List.of(), splitInFlight());
    }

    // ---- packed

    private Virtqueue packedQueue(int position) {
        Virtqueue queue = Virtqueue.create(ring.memory, ring.geometry, PACKED, position);
        queue.trackInflight(packed);
        return queue;
    }

    /** Entries, and where the ring stands: new and old are the same, and no entry is free. */
    private void packedRecord(int version, int entries, int usedIdx, int usedWrap) {
        packed.fill((byte) 0);
        put(packed, 8, version);
        put(packed, 10, entries);
        put(packed, 12, SIZE);
        put(packed, 14, SIZE);
        put(packed, 16, usedIdx);
        put(packed, 18, usedIdx);
        packed.set(GuestAccess.BYTE, 20, (byte) usedWrap);
        packed.set(GuestAccess.BYTE, 21, (byte) usedWrap);
    }

    /** How many descriptors a list says that it has, and the entries that they are in. */
    private static int[] list(int num, int... entries) {
        return IntStream.concat(IntStream.of(num), IntStream.of(entries)).toArray();
    }

    /** In flight. */
    private void putList(long counter, int... list) {
        long head = desc(list[1]);
        packed.set(GuestAccess.BYTE, head, (byte) 1);
        put(packed, head + 6, list[0]);
        packed.set(GuestAccess.LONG, head + 8, counter);
        for (int i = 1; i < list.length - 1; i++) {
            put(packed, desc(list[i]) + 2, list[i + 1]);
        }
    }

    private void descriptor(int entry, long gpa, int bytes, int id, int flags) {
        put(packed, desc(entry) + 16, id);
        put(packed, desc(entry) + 18, flags);
        packed.set(GuestAccess.INT, desc(entry) + 20, bytes);
        packed.set(GuestAccess.LONG, desc(entry) + 24, gpa);
    }

    private static long desc(int entry) {
        return 32 + 32L * entry;
    }

    private void assertRefused(DriverFault fault, Virtqueue queue) {
        assertNull(queue.popChain());
        assertEquals(fault, queue.fault());
        assertFalse(queue.hasAvailable());
        assertNull(queue.popChain());
    }

    private static Stream<List<int[]>> listsThatMakeNoSense() {
        return Stream.of(
            List.of(list(0, 3)),                                        // of nothing
            List.of(list(2, 3, SIZE)), List.of(list(2, 3, 0xFFFF)),     // that lead outside
            List.of(list(2, 3, 3)), List.of(list(4, 3, 2, 1, 2)),       // that lead back
            List.of(list(SIZE + 1, 7, 6, 5, 4, 3, 2, 1, 0, 7)), List.of(list(0xFFFF, 3, 4)), // that are too long
            List.of(list(2, 3, 4), list(2, 5, 4)), List.of(list(2, 3, 4), list(1, 4)));      // with an entry of another
    }

    @ParameterizedTest
    @MethodSource("listsThatMakeNoSense")
    @Tag("class:vhost-user")
    void shouldRefuseListsThatMakeNoSense(List<int[]> lists) {
        packedRecord(1, SIZE, 0, 1);
        lists.forEach(list -> putList(1, list));
        Virtqueue queue = packedQueue(ELSEWHERE);
        assertRefused(DriverFault.INFLIGHT_INVALID, queue);
        assertEquals(ELSEWHERE, queue.position());
        queue.endInflight();
        assertEquals(DriverFault.INFLIGHT_INVALID, packedQueue(ELSEWHERE).fault(), "it is not mended by that");
    }

    /** All entries, linked backwards; the ring is full with them. */
    @Test
    void shouldTakeAListOfAllEntries() {
        packedRecord(1, SIZE, 3, 1);
        putList(1, SIZE, 7, 6, 5, 4, 3, 2, 1, 0);
        List<Element> elements = new ArrayList<>();
        for (int entry = SIZE - 1; entry >= 0; entry--) {
            descriptor(entry, BUFFER_GPA + 16 * entry, 16, entry == 0 ? SIZE - 1 : 99, WRITE);
            elements.add(new Element(BUFFER_GPA + 16 * entry, 16, true));
        }
        Virtqueue queue = packedQueue(ELSEWHERE);
        assertEquals(3, queue.position());
        assertTrue(queue.hasAvailable(), "what was in flight");
        DescriptorChain chain = queue.popChain();
        assertEquals(SIZE - 1, chain.head(), "the id of the last");
        assertEquals(elements, RingFixture.elementsOf(chain));
        queue.addUsed(SIZE - 1, 128);
        queue.publish();
        assertEquals(3, packedQueue(ELSEWHERE).position());
        assertEquals(0, packedQueue(ELSEWHERE).inFlight());
    }

    @Test
    void shouldEndTheQueueOnAnIdThatIsNone() {
        for (int id : new int[] {SIZE, 0xFFFF}) {
            packedRecord(1, SIZE, 0, 1);
            putList(1, 1, 3);
            descriptor(3, BUFFER_GPA, 16, id, 0);
            assertRefused(DriverFault.BUFFER_ID_INVALID, packedQueue(ELSEWHERE));
        }
    }

    @Test
    void shouldEndTheQueueOnAnIdThatIsTwoLists() {
        packedRecord(1, SIZE, 0, 1);
        putList(1, 1, 3);
        putList(2, 1, 4);
        descriptor(3, BUFFER_GPA, 16, 2, 0);
        descriptor(4, BUFFER_GPA, 16, 2, 0);
        Virtqueue queue = packedQueue(ELSEWHERE);
        assertEquals(2, queue.popChain().head());
        assertRefused(DriverFault.BUFFER_ID_INVALID, queue);
    }

    /** §2.8.19 holds for what is read from the record too. */
    @Test
    void shouldRefuseIndirectInAListOfTwo() {
        for (int place = 0; place < 2; place++) {
            packedRecord(1, SIZE, 0, 1);
            putList(1, 2, 3, 4);
            descriptor(3 + place, TABLE_GPA, 16, 2, INDIRECT);
            descriptor(4 - place, BUFFER_GPA, 16, 2, NEXT);
            DescriptorChain chain = packedQueue(ELSEWHERE).popChain();
            assertEquals(DriverFault.INDIRECT_WITH_NEXT, chain.fault());
            assertEquals(2, chain.head());
        }
    }

    /** Whatever shows that there was something: a place, a list, a counter. */
    @ParameterizedTest
    @CsvSource({"0, 0, 0, 0", "3, 1, 0, 0", "0, 1, 1, 0", "0, 1, 0, 1", "0, 1, 0, -1"})
    void shouldTellARecordThatWasUsed(int usedIdx, int usedWrap, byte inflight, long counter) {
        packedRecord(1, SIZE, usedIdx, usedWrap);
        packed.set(GuestAccess.BYTE, desc(SIZE - 1), inflight);
        packed.set(GuestAccess.LONG, desc(SIZE - 1) + 8, counter);
        assertTrue(new PackedInflight(packed, SIZE).isUsed());
    }

    @ParameterizedTest
    @CsvSource({"1, 8, 0", "0, 8, 3", "2, 8, 3", "1, 7, 3", "1, 9, 3"})
    void shouldBeginAPackedRecordThatIsFreshOrNotOfThisQueue(int version, int entries, int usedIdx) {
        packedRecord(version, entries, usedIdx, 1);
        assertFalse(new PackedInflight(packed, SIZE).isUsed());
        assertEquals(ELSEWHERE, packedQueue(ELSEWHERE).position());
        assertEquals(SIZE, get(packed, 10));
        assertEquals(ELSEWHERE, packedQueue(ELSEWHERE ^ 1).position(), "it is this one's now");
    }

    private void settle() {
        new PackedInflight(packed, SIZE).settle(ring.memory.slice(DESC_GPA, 16 * SIZE));
    }

    /** What says that a list was fetched is written last: until then it was not. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void shouldForgetAListThatWasNotFetchedInFull(int wrap) {
        packedRecord(1, SIZE, 3, wrap);
        put(packed, 12, 5);  // free_head moved on
        put(packed, 14, 4);  // old_free_head not
        putList(1, 1, 4, 5);
        put(packed, desc(5) + 2, SIZE);
        settle();
        assertEquals(0, packed.get(GuestAccess.BYTE, desc(4)));
        assertEquals(4, get(packed, 12));
    }

    /** The place, its wrap counter (which is all that a list around the whole ring moves), and the free entries with it. */
    @ParameterizedTest
    @CsvSource({"2, 0", "5, 1", "1, 0"})
    void shouldBelieveThePlaceOnceTheDriverHasSeenIt(int usedIdx, int usedWrap) {
        for (int flags : new int[] {PackedDescriptorLayout.availableFlags(true), PackedDescriptorLayout.usedFlags(true)}) {
            packedRecord(1, SIZE, 2, 1);
            put(packed, 12, 0);
            put(packed, 16, usedIdx);
            packed.set(GuestAccess.BYTE, 20, (byte) usedWrap);
            ring.descriptorAt(DESC_GPA + 16 * 2, 0, 0, 0, flags);
            settle();
            boolean seen = flags == PackedDescriptorLayout.usedFlags(true);
            assertEquals(seen ? 0 : SIZE, get(packed, 12));
            assertEquals(seen ? usedIdx : 2, get(packed, 16));
            assertEquals(seen ? usedWrap : 1, packed.get(GuestAccess.BYTE, 20));
        }
    }

    /** The old place is looked up in the ring only where it is one; the free entries are gone through once. */
    @ParameterizedTest
    @ValueSource(ints = {SIZE, 0xFFFF})
    void shouldSettleWhateverTheFrontEndWrote(int oldUsedIdx) {
        packedRecord(1, SIZE, 2, 1);
        put(packed, 18, oldUsedIdx);
        put(packed, 14, 1);
        put(packed, desc(1) + 2, 6);
        put(packed, desc(6) + 2, 1);
        putList(1, 1, 6, 1);
        settle();
        assertEquals(0, packed.get(GuestAccess.BYTE, desc(6)));
        assertEquals(oldUsedIdx, get(packed, 16));
    }

    /** After a take-over the entries that are no list's are free, all of them, and the ring goes round. */
    @Test
    void shouldNoteListsInAllEntriesThatAreFree() {
        packedRecord(1, SIZE, 6, 1);
        putList(1, 2, 3, 5);
        put(packed, desc(5) + 2, 4); // as a list's last entry, which leads to one that is free
        descriptor(5, BUFFER_GPA, 16, 0, 0);
        Virtqueue queue = packedQueue(ELSEWHERE);
        assertEquals(0, queue.popChain().head());
        for (int i = 0; i < SIZE - 2; i++) {
            ring.descriptorAt(DESC_GPA + 16 * i, BUFFER_GPA + i, 1, i + 1, PackedDescriptorLayout.USED); // the next round
        }
        assertEquals(List.of(1, 2, 3, 4, 5, 6), heads(queue));
        assertEquals(List.of(0, 1, 2, 3, 4, 5, 6), heads(packedQueue(ELSEWHERE)));
    }

    /** A queue that is at its end leaves its record to who takes over, as one does that has something in flight. */
    @Test
    void shouldKeepTheRecordOfAQueueAtItsEnd() {
        Virtqueue queue = packedQueue(3);
        ring.descriptorAt(DESC_GPA + 16 * 3, BUFFER_GPA, 1, SIZE, PackedDescriptorLayout.USED);
        assertRefused(DriverFault.BUFFER_ID_INVALID, queue);
        queue.endInflight();
        assertEquals(3, packedQueue(ELSEWHERE).position());
    }

    /** What a record has is there until it was handed out, and is asked for when notifications are. */
    @Test
    void shouldHaveAsMuchAvailableAsTheRecordHas() {
        splitRecord(1, SIZE, 0, 0);
        splitEntry(2, 1, 0, 7);
        ring.setAvailIdx(1);
        packedRecord(1, SIZE, 6, 1);
        putList(1, 1, 3);
        descriptor(3, BUFFER_GPA, 16, 0, 0);
        for (Virtqueue queue : List.of(splitQueue(), packedQueue(ELSEWHERE))) {
            assertTrue(queue.hasAvailable());
            assertTrue(queue.enableNotifications());
            assertNotNull(queue.popChain());
            assertFalse(queue.hasAvailable());
            assertFalse(queue.enableNotifications());
        }
    }

    /** Nor is there anything where the record says that nothing was in flight. */
    @Test
    void shouldHaveNothingAvailableOfAnEmptyRecord() {
        splitRecord(1, SIZE, 0, 0);
        packedRecord(1, SIZE, 6, 1);
        assertFalse(splitQueue().hasAvailable());
        assertFalse(packedQueue(ELSEWHERE).hasAvailable());
    }

    @Test
    void shouldEndWithoutARecord() {
        for (long features : new long[] {SPLIT, PACKED}) {
            Virtqueue queue = Virtqueue.create(ring.memory, ring.geometry, features);
            queue.endInflight();
            assertNull(queue.fault());
        }
    }
}
