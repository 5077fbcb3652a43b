// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * The completion queue: the kernel writes entries and the tail, we read entries and move the head.
 * <p>A batch is {@link #ready} once, entries 0 to that, then {@link #advance} once.
 * <p>Thread: the ring's owner.
 * <p>Source: io_uring(7).
 */
public final class CompletionQueue {

    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle().withInvokeExactBehavior();

    private final MemorySegment ring;
    private final long headOffset;
    private final long tailOffset;
    private final long entriesOffset;
    private final int size;
    private final int mask;

    /** Free-running; ours alone to move. */
    private int head;

    CompletionQueue(MemorySegment ring, MemorySegment params) {
        this.ring = ring;
        this.headOffset = params.get(ValueLayout.JAVA_INT, io_uring_params.cq_off + io_cqring_offsets.head);
        this.tailOffset = params.get(ValueLayout.JAVA_INT, io_uring_params.cq_off + io_cqring_offsets.tail);
        this.entriesOffset = params.get(ValueLayout.JAVA_INT, io_uring_params.cq_off + io_cqring_offsets.cqes);
        this.size = params.get(ValueLayout.JAVA_INT, io_uring_params.cq_entries);
        this.mask = size - 1;
    }

    /** How many entries there are. */
    public int size() {
        return size;
    }

    /** How many entries wait to be read. */
    public int ready() {
        // Acquire: entries below the tail are read after it. Pairs with the kernel's release of it.
        return (int) INT.getAcquire(ring, tailOffset) - head;
    }

    /** {@code user_data} of waiting entry {@code i}. */
    public long userData(int i) {
        return ring.get(ValueLayout.JAVA_LONG, entry(i) + io_uring_cqe.user_data);
    }

    /** Result, or −errno, of waiting entry {@code i}. */
    public int result(int i) {
        return ring.get(ValueLayout.JAVA_INT, entry(i) + io_uring_cqe.res);
    }

    /** {@code IORING_CQE_F_…} of waiting entry {@code i}. */
    public int flags(int i) {
        return ring.get(ValueLayout.JAVA_INT, entry(i) + io_uring_cqe.flags);
    }

    /** Gives the first {@code count} waiting entries back. */
    public void advance(int count) {
        head += count;
        // Release: entries were read before the kernel may write them anew.
        INT.setRelease(ring, headOffset, head);
    }

    /*
     * struct io_uring_cqe, 16 bytes:  0  u64  user_data   that of the SQE
     *                                 8  s32  res         result or −errno
     *                                12  u32  flags       IORING_CQE_F_…
     */
    private long entry(int i) {
        return entriesOffset + (long) (head + i & mask) * io_uring_cqe.sizeof;
    }
}
