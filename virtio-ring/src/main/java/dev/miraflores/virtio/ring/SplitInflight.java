// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.GuestAccess.BYTE;
import static dev.miraflores.virtio.ring.GuestAccess.LONG;
import static dev.miraflores.virtio.ring.GuestAccess.SHORT;
import static dev.miraflores.virtio.ring.GuestAccess.U16;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * Which chains of a split queue are in flight, in memory that outlives the device's process: a process that takes over does
 * those once more. Shared with the front end, whom it is of use to and who is not trusted: what is read back is checked.
 * <pre>  QueueRegionSplit  0   u64  features         0
 *                    8   u16  version          1; 0: nothing was written yet
 *                    10  u16  desc_num         entries
 *                    12  u16  last_batch_head  the head used last; next leads from it to those used before
 *                    14  u16  used_idx         of the used ring
 *                    16       desc[desc_num]
 *   DescStateSplit   0   u8   inflight         the head was fetched and is not used
 *                    6   u16  next
 *                    8   u64  counter          the order of fetching </pre>
 * The process may end between any two stores, so their order matters: those that come after others are releases, which no
 * compiler moves up.
 * <p>Thread: that of the queue.
 * <p>Source: QEMU's docs/interop/vhost-user.rst, "Inflight I/O tracking".
 */
final class SplitInflight {

    private static final long VERSION_OFFSET = 8;
    private static final long DESC_NUM_OFFSET = 10;
    private static final long LAST_BATCH_HEAD_OFFSET = 12;
    private static final long USED_IDX_OFFSET = 14;
    private static final long DESC_OFFSET = 16;
    private static final int DESC_SHIFT = 4;
    private static final long NEXT_OFFSET = 6;
    private static final long COUNTER_OFFSET = 8;
    private static final int VERSION = 1;

    private static final VarHandle U8 = ValueLayout.JAVA_BYTE.varHandle().withInvokeExactBehavior();

    private final MemorySegment region;
    private final int size;
    private long counter = 1;
    private int[] batch;
    private int batchCount;

    SplitInflight(MemorySegment region, int size) {
        this.region = region;
        this.size = size;
        this.batch = new int[size];
    }

    /** Bytes that a queue of that size takes. */
    static long byteSize(int size) {
        return DESC_OFFSET + ((long) size << DESC_SHIFT);
    }

    /** Nothing is in flight. */
    private void begin(int usedIdx) {
        for (int head = 0; head < size; head++) {
            region.set(BYTE, desc(head), (byte) 0);
        }
        finishBegin(usedIdx);
    }

    private void finishBegin(int usedIdx) {
        region.set(SHORT, USED_IDX_OFFSET, (short) usedIdx);
        region.set(SHORT, DESC_NUM_OFFSET, (short) size);
        U16.setRelease(region, VERSION_OFFSET, (short) VERSION);
    }

    /**
     * What an earlier process left in flight.
     *
     * @param usedIdx of the used ring
     */
    InflightOrder recover(int usedIdx) {
        if ((short) U16.getAcquire(region, VERSION_OFFSET) != VERSION || region.get(SHORT, DESC_NUM_OFFSET) != (short) size) {
            begin(usedIdx);
            return InflightOrder.of(new int[0], new long[0]);
        }
        endLastBatch(usedIdx);
        int[] heads = new int[size];
        long[] counters = new long[size];
        int count = 0;
        for (int head = 0; head < size; head++) {
            if (region.get(BYTE, desc(head)) == 1) {
                heads[count] = head;
                counters[count] = region.get(LONG, desc(head) + COUNTER_OFFSET);
                counter = Math.max(counter, counters[count] + 1);
                count++;
            }
        }
        finishBegin(usedIdx);
        return InflightOrder.of(Arrays.copyOf(heads, count), counters);
    }

    /** The driver has seen more used than was noted here. */
    private void endLastBatch(int usedIdx) {
        int left = usedIdx - region.get(SHORT, USED_IDX_OFFSET) & 0xFFFF;
        int head = region.get(SHORT, LAST_BATCH_HEAD_OFFSET) & 0xFFFF;
        for (int i = Math.min(left, size); i > 0 && head < size; i--) {
            region.set(BYTE, desc(head), (byte) 0);
            head = region.get(SHORT, desc(head) + NEXT_OFFSET) & 0xFFFF;
        }
    }

    /** A head was fetched from the available ring. */
    void fetched(int head) {
        region.set(LONG, desc(head) + COUNTER_OFFSET, counter++);
        U8.setRelease(region, desc(head), (byte) 1);
    }

    /** A used element was written; {@link #published} follows. */
    void used(int head) {
        int last = batchCount == 0 ? region.get(SHORT, LAST_BATCH_HEAD_OFFSET) : batch[batchCount - 1];
        region.set(SHORT, desc(head) + NEXT_OFFSET, (short) last);
        U16.setRelease(region, LAST_BATCH_HEAD_OFFSET, (short) head);
        if (batchCount == batch.length) {
            batch = Arrays.copyOf(batch, 2 * batchCount); // a driver that makes more available than it has seen used
        }
        batch[batchCount++] = head;
    }

    /** The driver sees all that was used. */
    void published(int usedIdx) {
        for (int i = 0; i < batchCount; i++) {
            U8.setRelease(region, desc(batch[i]), (byte) 0);
        }
        batchCount = 0;
        U16.setRelease(region, USED_IDX_OFFSET, (short) usedIdx);
    }

    private static long desc(int head) {
        return DESC_OFFSET + ((long) head << DESC_SHIFT);
    }
}
