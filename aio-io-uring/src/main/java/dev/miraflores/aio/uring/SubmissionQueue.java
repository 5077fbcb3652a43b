// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.uring;

import static dev.miraflores.bindings.iouring.io_uring_abi.*;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * The submission queue: we write entries and the tail, the kernel consumes entries and moves the head.
 * <p>{@code begin} takes an entry, one of the {@code prepare…} methods fills it, {@link IoUring#submit} hands all of them
 * over. An entry is the kernel's copy from then on (IORING_FEAT_SUBMIT_STABLE): what it points at has to live longer.
 * <p>Thread: the ring's owner.
 * <p>Source: io_uring(7); entries filled as liburing's {@code io_uring_prep_…} do.
 */
public final class SubmissionQueue {

    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle().withInvokeExactBehavior();

    /** What {@link #begin} answers when the kernel has to consume entries first. */
    public static final long FULL = -1;

    private final MemorySegment ring;
    private final MemorySegment entries;
    private final long headOffset;
    private final long tailOffset;
    private final long flagsOffset;
    private final int size;
    private final int mask;

    /** Free-running; entries below it are filled. */
    private int tail;
    /** The kernel's head, as of the last look. */
    private int head;
    /** Entries below it were handed to the kernel. */
    private int submitted;

    SubmissionQueue(MemorySegment ring, MemorySegment entries, MemorySegment params) {
        this.ring = ring;
        this.entries = entries;
        this.headOffset = params.get(ValueLayout.JAVA_INT, io_uring_params.sq_off + io_sqring_offsets.head);
        this.tailOffset = params.get(ValueLayout.JAVA_INT, io_uring_params.sq_off + io_sqring_offsets.tail);
        this.flagsOffset = params.get(ValueLayout.JAVA_INT, io_uring_params.sq_off + io_sqring_offsets.flags);
        this.size = params.get(ValueLayout.JAVA_INT, io_uring_params.sq_entries);
        this.mask = size - 1;
        // The array says which entry is at which place of the ring; ours are in order for ever.
        long array = params.get(ValueLayout.JAVA_INT, io_uring_params.sq_off + io_sqring_offsets.array);
        for (int i = 0; i < size; i++) {
            ring.set(ValueLayout.JAVA_INT, array + (long) Integer.BYTES * i, i);
        }
    }

    /** How many entries there are. */
    public int size() {
        return size;
    }

    /** Takes the next entry, which the caller fills at once: its offset, or {@link #FULL}. */
    public long begin() {
        if (tail - head == size && tail - (head = loadHeadAcquire()) == size) {
            return FULL;
        }
        return (long) (tail++ & mask) * SqeLayout.BYTES;
    }

    private int loadHeadAcquire() {
        // Acquire: the kernel has read the entries below the head before we write them anew.
        return (int) INT.getAcquire(ring, headOffset);
    }

    /** Entries that were filled and that the kernel has not consumed. */
    int pending() {
        return tail - submitted;
    }

    /** Lets the kernel see all entries filled so far; answers how many it has not consumed. */
    int publish() {
        // Release: entries are visible before the tail is. Pairs with the kernel's acquire of it.
        INT.setRelease(ring, tailOffset, tail);
        return pending();
    }

    /** The kernel has consumed that many. */
    void consumed(int count) {
        submitted += count;
    }

    /** Whether the kernel has read all entries that it was given. */
    boolean isConsumed() {
        return loadHeadAcquire() == submitted;
    }

    /** {@code IORING_SQ_…}, as the kernel last set them: a hint, ordered with nothing. */
    int flagsOpaque() {
        return (int) INT.getOpaque(ring, flagsOffset);
    }

    /**
     * A read or write of one buffer.
     *
     * @param opcode   IORING_OP_READ or IORING_OP_WRITE
     * @param sqeFlags {@code IOSQE_…}
     * @param fd       descriptor, or index with IOSQE_FIXED_FILE
     * @param rwFlags  {@code RWF_…}
     */
    public void prepareTransfer(
            long entry, int opcode, int sqeFlags, int fd, long address, int byteCount, long offset, int rwFlags,
            long userData) {
        fill(entry, opcode, sqeFlags, fd, offset, address, byteCount, rwFlags, userData, 0);
    }

    /** As {@link #prepareTransfer}, within the registered buffer {@code bufferIndex}: IORING_OP_READ_FIXED or …WRITE_FIXED. */
    public void prepareFixedTransfer(
            long entry, int opcode, int sqeFlags, int fd, long address, int byteCount, long offset, int rwFlags,
            long userData, int bufferIndex) {
        fill(entry, opcode, sqeFlags, fd, offset, address, byteCount, rwFlags, userData, bufferIndex);
    }

    /**
     * A read or write of many buffers: IORING_OP_READV or IORING_OP_WRITEV.
     *
     * @param iovecs address of the {@code struct iovec} array, read when the kernel consumes the entry
     */
    public void prepareVectored(
            long entry, int opcode, int sqeFlags, int fd, long iovecs, int iovecCount, long offset, int rwFlags,
            long userData) {
        fill(entry, opcode, sqeFlags, fd, offset, iovecs, iovecCount, rwFlags, userData, 0);
    }

    /** fdatasync(2). */
    public void prepareDataSync(long entry, int sqeFlags, int fd, long userData) {
        fill(entry, IORING_OP_FSYNC, sqeFlags, fd, 0, 0, 0, IORING_FSYNC_DATASYNC, userData, 0);
    }

    /**
     * fallocate(2).
     *
     * @param mode {@code FALLOC_FL_…}
     */
    public void prepareFallocate(
            long entry, int sqeFlags, int fd, int mode, long offset, long byteCount, long userData) {
        fill(entry, IORING_OP_FALLOCATE, sqeFlags, fd, offset, byteCount, mode, 0, userData, 0);
    }

    /**
     * Waits for readiness.
     *
     * @param events    {@code POLL…}
     * @param multishot stays armed, with a completion for each wake-up, until one without IORING_CQE_F_MORE
     */
    public void preparePoll(long entry, int fd, int events, boolean multishot, long userData) {
        // The kernel takes the events as 32 bits, in halves swapped only on big-endian hosts.
        fill(entry, IORING_OP_POLL_ADD, 0, fd, 0, 0, multishot ? IORING_POLL_ADD_MULTI : 0, events, userData, 0);
    }

    /**
     * Ends the poll with {@code target} as its user_data: it completes with −ECANCELED, this with 0, or with −ENOENT where the
     * poll has come to its end by itself. (IORING_OP_POLL_REMOVE would leave a poll as it is, −EALREADY, that has been woken up and
     * has not completed yet; one that is woken up often enough could never be removed.)
     */
    public void preparePollCancel(long entry, long target, long userData) {
        fill(entry, IORING_OP_ASYNC_CANCEL, 0, -1, 0, target, 0, 0, userData, 0);
    }

    private void fill(
            long entry, int opcode, int sqeFlags, int fd, long offset, long address, int length, int operationFlags,
            long userData, int bufferIndex) {
        MemorySegment sqes = entries;
        sqes.set(ValueLayout.JAVA_LONG, entry + SqeLayout.HEAD_OFFSET, SqeLayout.head(opcode, sqeFlags, fd));
        sqes.set(ValueLayout.JAVA_LONG, entry + SqeLayout.OFF_OFFSET, offset);
        sqes.set(ValueLayout.JAVA_LONG, entry + SqeLayout.ADDR_OFFSET, address);
        sqes.set(ValueLayout.JAVA_LONG, entry + SqeLayout.LEN_OFFSET, SqeLayout.lengthAndFlags(length, operationFlags));
        sqes.set(ValueLayout.JAVA_LONG, entry + SqeLayout.USER_DATA_OFFSET, userData);
        sqes.set(ValueLayout.JAVA_LONG, entry + SqeLayout.BUF_INDEX_OFFSET, bufferIndex);
        sqes.set(ValueLayout.JAVA_LONG, entry + SqeLayout.ADDR3_OFFSET, 0L);
        sqes.set(ValueLayout.JAVA_LONG, entry + SqeLayout.PAD_OFFSET, 0L);
    }
}
