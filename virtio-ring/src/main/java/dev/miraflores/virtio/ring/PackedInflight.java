// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.GuestAccess.BYTE;
import static dev.miraflores.virtio.ring.GuestAccess.INT;
import static dev.miraflores.virtio.ring.GuestAccess.LONG;
import static dev.miraflores.virtio.ring.GuestAccess.SHORT;
import static dev.miraflores.virtio.ring.GuestAccess.U16;
import static dev.miraflores.virtio.ring.GuestAccess.U64;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * As {@link SplitInflight}, of a packed queue. Descriptors are kept too, since the ring's are overwritten by used ones.
 * <pre>  QueueRegionPacked  0   u64  features            0
 *                     8   u16  version             1; 0: nothing was written yet
 *                     10  u16  desc_num            entries
 *                     12  u16  free_head           free entries, linked by next
 *                     14  u16  old_free_head       the same, as of what is certain
 *                     16  u16  used_idx            where the next used descriptor goes
 *                     18  u16  old_used_idx
 *                     20  u8   used_wrap_counter
 *                     21  u8   old_used_wrap_counter
 *                     32       desc[desc_num]
 *   DescStatePacked   0   u8   inflight            of a list's first entry, as are last, num and counter
 *                     2   u16  next
 *                     4   u16  last                the list's last entry
 *                     6   u16  num                 descriptors in the list
 *                     8   u64  counter             the order of fetching
 *                     16  u16  id, u16 flags, u32 len, u64 addr    of the descriptor </pre>
 * The links are kept in this process as well, and only those are followed while it lives.
 * <p>Each list is used and published alone, no batches: of a batch all flags but the first are in the ring before the first,
 * and who takes over from a process that has ended in between would find them there, and the driver too.
 * <p>Thread: that of the queue.
 */
final class PackedInflight {

    private static final long VERSION_OFFSET = 8;
    private static final long DESC_NUM_OFFSET = 10;
    private static final long FREE_HEAD_OFFSET = 12;
    private static final long OLD_FREE_HEAD_OFFSET = 14;
    private static final long USED_IDX_OFFSET = 16;
    private static final long OLD_USED_IDX_OFFSET = 18;
    private static final long USED_WRAP_OFFSET = 20;
    private static final long OLD_USED_WRAP_OFFSET = 21;
    private static final long DESC_OFFSET = 32;
    private static final int DESC_SHIFT = 5;
    private static final long NEXT_OFFSET = 2;
    private static final long LAST_OFFSET = 4;
    private static final long NUM_OFFSET = 6;
    private static final long COUNTER_OFFSET = 8;
    private static final long ID_OFFSET = 16;
    private static final long FLAGS_OFFSET = 18;
    private static final long LEN_OFFSET = 20;
    private static final long ADDR_OFFSET = 24;
    private static final int VERSION = 1;

    private static final VarHandle U8 = ValueLayout.JAVA_BYTE.varHandle().withInvokeExactBehavior();

    private final MemorySegment region;
    private final int size;
    private long counter = 1;
    private int freeHead;
    private final int[] next;
    private final int[] last;
    private final int[] num;
    private final int[] entryOfId;
    /** The one that is being used. */
    private int usedHead;

    PackedInflight(MemorySegment region, int size) {
        this.region = region;
        this.size = size;
        this.next = new int[size];
        this.last = new int[size];
        this.num = new int[size];
        this.entryOfId = new int[size];
    }

    /** Bytes that a queue of that size takes. */
    static long byteSize(int size) {
        return DESC_OFFSET + ((long) size << DESC_SHIFT);
    }

    /** Nothing is in flight, and this is the queue's place. */
    void begin(int usedIndex, boolean usedWrap) {
        clear(usedIndex, usedWrap, counter);
    }

    /** Nothing is in flight, and whoever takes over is to believe what the front end says of the queue's place. */
    void end() {
        clear(0, true, 0);
    }

    /** @param mark by which {@link #isUsed} tells a queue at the first place from one that nothing is known of: 0 */
    private void clear(int usedIndex, boolean usedWrap, long mark) {
        U16.setRelease(region, VERSION_OFFSET, (short) 0);
        for (int entry = 0; entry < size; entry++) {
            region.set(BYTE, desc(entry), (byte) 0);
            region.set(LONG, desc(entry) + COUNTER_OFFSET, mark);
            link(entry, entry + 1);
        }
        freeHead = 0;
        region.set(SHORT, FREE_HEAD_OFFSET, (short) 0);
        putUsed(usedIndex, usedWrap);
        commit();
        region.set(SHORT, DESC_NUM_OFFSET, (short) size);
        U16.setRelease(region, VERSION_OFFSET, (short) VERSION);
    }

    private void putUsed(int usedIndex, boolean usedWrap) {
        region.set(SHORT, USED_IDX_OFFSET, (short) usedIndex);
        U8.setRelease(region, USED_WRAP_OFFSET, (byte) (usedWrap ? 1 : 0));
    }

    private void link(int entry, int to) {
        next[entry] = to;
        region.set(SHORT, desc(entry) + NEXT_OFFSET, (short) to);
    }

    // ---- taking over

    /** What an earlier process left here is consistent; whether it left anything at all, and the place is to be believed. */
    boolean isUsed() {
        if ((short) U16.getAcquire(region, VERSION_OFFSET) != VERSION || (region.get(SHORT, DESC_NUM_OFFSET) & 0xFFFF) != size) {
            return false;
        }
        if (region.get(SHORT, USED_IDX_OFFSET) != 0 || region.get(BYTE, USED_WRAP_OFFSET) != 1) {
            return true;
        }
        for (int entry = 0; entry < size; entry++) {
            if (region.get(BYTE, desc(entry)) == 1 || region.get(LONG, desc(entry) + COUNTER_OFFSET) != 0) {
                return true;
            }
        }
        return false;
    }

    /**
     * Undoes or ends what the earlier process was about.
     *
     * @param ring the descriptor ring, by which the driver's knowledge shows
     */
    void settle(MemorySegment ring) {
        int oldIndex = region.get(SHORT, OLD_USED_IDX_OFFSET) & 0xFFFF;
        boolean oldWrap = region.get(BYTE, OLD_USED_WRAP_OFFSET) == 1;
        boolean moved = (region.get(SHORT, USED_IDX_OFFSET) & 0xFFFF) != oldIndex
            || (region.get(BYTE, USED_WRAP_OFFSET) == 1) != oldWrap;
        if (moved && oldIndex < size) {
            int flags = ring.get(SHORT, ((long) oldIndex << PackedDescriptorLayout.SHIFT) + PackedDescriptorLayout.FLAGS_OFFSET);
            if (!PackedDescriptorLayout.isAvailable(flags, oldWrap)) {
                commit(); // the driver has seen them
            }
        }
        region.set(SHORT, FREE_HEAD_OFFSET, region.get(SHORT, OLD_FREE_HEAD_OFFSET));
        putUsed(region.get(SHORT, OLD_USED_IDX_OFFSET) & 0xFFFF, region.get(BYTE, OLD_USED_WRAP_OFFSET) == 1);
        freeHead = region.get(SHORT, FREE_HEAD_OFFSET) & 0xFFFF;
        int entry = freeHead;
        for (int i = 0; i < size && entry < size; i++) {
            region.set(BYTE, desc(entry), (byte) 0);
            entry = region.get(SHORT, desc(entry) + NEXT_OFFSET) & 0xFFFF;
        }
    }

    int usedIndex() {
        return region.get(SHORT, USED_IDX_OFFSET) & 0xFFFF;
    }

    boolean usedWrap() {
        return region.get(BYTE, USED_WRAP_OFFSET) == 1;
    }

    /**
     * The lists in flight, by their first entries; {@link #settle} comes before. Null where the links make no sense, which is
     * the front end's doing: a bug of this side's would have to be as well.
     */
    InflightOrder recover() {
        boolean[] seen = new boolean[size];
        int[] heads = new int[size];
        long[] counters = new long[size];
        int count = 0;
        for (int head = 0; head < size; head++) {
            if (region.get(BYTE, desc(head)) == 1) {
                if (!follow(head, seen)) {
                    return null;
                }
                heads[count] = head;
                counters[count] = region.get(LONG, desc(head) + COUNTER_OFFSET);
                counter = Math.max(counter, counters[count] + 1);
                count++;
            }
        }
        linkFree(seen);
        return InflightOrder.of(Arrays.copyOf(heads, count), counters);
    }

    /** Takes a list over: whether it is one. */
    private boolean follow(int head, boolean[] seen) {
        num[head] = region.get(SHORT, desc(head) + NUM_OFFSET) & 0xFFFF;
        int entry = head;
        for (int i = 0; i < num[head]; i++) {
            if (entry >= size || seen[entry]) {
                return false;
            }
            seen[entry] = true;
            last[head] = entry;
            next[entry] = region.get(SHORT, desc(entry) + NEXT_OFFSET) & 0xFFFF;
            entry = next[entry];
        }
        return num[head] != 0;
    }

    /** Links all others into a new free list: the front end may have written anything to the old one. */
    private void linkFree(boolean[] taken) {
        int following = size;
        for (int entry = size - 1; entry >= 0; entry--) {
            if (!taken[entry]) {
                link(entry, following);
                following = entry;
            }
        }
        freeHead = following;
        region.set(SHORT, FREE_HEAD_OFFSET, (short) freeHead);
        commit();
    }

    /** Descriptors in the list that begins at {@code head}, which {@link #recover} found. */
    int count(int head) {
        return num[head];
    }

    int nextOf(int entry) {
        return next[entry];
    }

    long address(int entry) {
        return region.get(LONG, desc(entry) + ADDR_OFFSET);
    }

    /** Length, id and flags in the form of {@link PackedDescriptorLayout#pack}. */
    long lenIdFlags(int entry) {
        return PackedDescriptorLayout.pack(region.get(INT, desc(entry) + LEN_OFFSET),
            region.get(SHORT, desc(entry) + ID_OFFSET), region.get(SHORT, desc(entry) + FLAGS_OFFSET));
    }

    /** A list that {@link #recover} found is in flight again, under this id. */
    void resubmitted(int id, int head) {
        entryOfId[id] = head;
    }

    // ---- while it runs

    /** A list was fetched: {@code count} descriptors from {@code index} on. */
    void fetched(MemorySegment ring, int index, int count, int id) {
        int head = freeHead;
        region.set(SHORT, desc(head) + NUM_OFFSET, (short) count);
        region.set(LONG, desc(head) + COUNTER_OFFSET, counter++);
        U8.setRelease(region, desc(head), (byte) 1);
        int place = index;
        int entry = head;
        for (int i = 0; i < count; i++) {
            long from = (long) place << PackedDescriptorLayout.SHIFT;
            long lenIdFlags = ring.get(LONG, from + PackedDescriptorLayout.LEN_ID_FLAGS_OFFSET);
            region.set(LONG, desc(entry) + ADDR_OFFSET, ring.get(LONG, from + PackedDescriptorLayout.ADDR_OFFSET));
            region.set(INT, desc(entry) + LEN_OFFSET, (int) lenIdFlags);
            region.set(SHORT, desc(entry) + ID_OFFSET, (short) PackedDescriptorLayout.id(lenIdFlags));
            region.set(SHORT, desc(entry) + FLAGS_OFFSET, (short) PackedDescriptorLayout.flags(lenIdFlags));
            last[head] = entry;
            entry = next[entry];
            place = place + 1 == size ? 0 : place + 1;
        }
        region.set(SHORT, desc(head) + LAST_OFFSET, (short) last[head]);
        freeHead = entry;
        num[head] = count;
        entryOfId[id] = head;
        region.set(SHORT, FREE_HEAD_OFFSET, (short) entry);
        U16.setRelease(region, OLD_FREE_HEAD_OFFSET, (short) entry); // now it counts
    }

    /** A list's used descriptor was written, all but its flags; {@link #publishing} and {@link #published} follow. */
    void used(int id) {
        usedHead = entryOfId[id];
    }

    /** The driver is about to see it. */
    void publishing(int usedIndex, boolean usedWrap) {
        link(last[usedHead], freeHead);
        freeHead = usedHead;
        U16.setRelease(region, FREE_HEAD_OFFSET, (short) freeHead);
        putUsed(usedIndex, usedWrap);
    }

    /** The driver sees it. */
    void published() {
        U8.setRelease(region, desc(usedHead), (byte) 0);
        commit();
    }

    private void commit() {
        U16.setRelease(region, OLD_FREE_HEAD_OFFSET, region.get(SHORT, FREE_HEAD_OFFSET));
        // Index and wrap counter, new and old, are one word, and change at once: a process that ended between the old two would
        // leave a place in the ring that never was.
        long usedIdx = region.get(SHORT, USED_IDX_OFFSET) & 0xFFFFL;
        long usedWrap = region.get(BYTE, USED_WRAP_OFFSET) & 0xFFL;
        U64.setRelease(region, USED_IDX_OFFSET, usedIdx | usedIdx << 16 | usedWrap << 32 | usedWrap << 40);
    }

    private static long desc(int entry) {
        return DESC_OFFSET + ((long) entry << DESC_SHIFT);
    }
}
