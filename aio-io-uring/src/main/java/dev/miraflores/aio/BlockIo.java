// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One request to a disk, from the submitter down a chain of {@link BlockLink}s and back. Made once, used for one
 * request after the other; a submitter extends it with what it has to know at the end.
 * <p>Its buffers are host addresses, checked by whoever added them, in an array that is laid out as readv(2) wants it:
 * <pre>  0  u64  iov_base
 *   8  u64  iov_len      of each buffer, 16 bytes </pre>
 * A link that wants to see a request's result puts itself on the way back with {@link #onReturn}.
 * <p>Thread: one I/O thread.
 * <p>Lifetime: the array of buffers is the submitter's memory; both it and the buffers must stay until completion.
 */
public abstract class BlockIo {

    /** What is done to the disk. */
    public enum Operation {
        /** Fills the buffers. */
        READ,
        /** Stores the buffers. */
        WRITE,
        /** Makes durable what writes that have completed have stored. */
        FLUSH,
        /** Gives the range's storage back, as far as the file can: what it reads as afterwards is anybody's guess. */
        DISCARD,
        /** Makes the range read as zeroes. */
        WRITE_ZEROES;

        /** Whether it is of a range of the disk and has no buffers. */
        public boolean isRange() {
            return this == DISCARD || this == WRITE_ZEROES;
        }
    }

    /** Bytes that one buffer takes in the array. */
    public static final int IOVEC_BYTES = 16;

    /** How many links of one chain can wait for the same request: a disk's stages, and as many again for format and engine. */
    private static final int MAX_RETURNS = 2 * BlockStage.MAX_STAGES;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final int LENGTH = 8;

    private final MemorySegment iovecs;
    private final long iovecsAddress;
    private final int maxBuffers;

    private Operation operation;
    private long offset;
    private long byteCount;
    private int bufferCount;
    private boolean durable;
    private boolean mayUnmap;

    /** Bytes of the transfer that are done, and the buffers and bytes within a buffer that they amount to. */
    private long doneBytes;
    private int doneBuffers;
    private long doneInBuffer;

    private final BlockReturn[] returns = new BlockReturn[MAX_RETURNS];
    private int returnCount;

    /** The next in a queue of a link that holds requests back. */
    BlockIo next;
    /** How often the engine has tried it anew. */
    int retries;
    /** The kernel has no way to do it that does not wait. */
    boolean needsWorker;
    /** How long engines have had it, and when they last gave it back. */
    private long engineNs;
    private long engineEndNs;

    /**
     * @param iovecs native memory for {@code struct iovec}s, 16 bytes each, 8-byte aligned; no longer than the thread
     *               that uses it needs it
     */
    protected BlockIo(MemorySegment iovecs) {
        this.iovecs = iovecs;
        this.iovecsAddress = iovecs.address();
        this.maxBuffers = (int) (iovecs.byteSize() / IOVEC_BYTES);
    }

    /** A new transfer, from or to {@code offset} bytes into the disk, with no buffer yet. */
    public final void begin(Operation operation, long offset) {
        this.operation = operation;
        this.offset = offset;
        this.byteCount = 0;
        this.bufferCount = 0;
        this.durable = false;
        this.mayUnmap = false;
        this.doneBytes = 0;
        this.doneBuffers = 0;
        this.doneInBuffer = 0;
        this.retries = 0;
        this.needsWorker = false;
        this.returnCount = 0;
    }

    /** The same request once more, from its start: for one that has completed, to be submitted again. */
    public final void restart() {
        this.doneBytes = 0;
        this.doneBuffers = 0;
        this.retries = 0;
        this.returnCount = 0;
    }

    /**
     * A new request about a range of the disk, without buffers.
     *
     * @param operation one for which {@link Operation#isRange} holds
     * @param mayUnmap  whether zeroes may be had by giving the storage back, so that a later write has to allocate anew
     */
    public final void beginRange(Operation operation, long offset, long byteCount, boolean mayUnmap) {
        begin(operation, offset);
        this.byteCount = byteCount;
        this.mayUnmap = mayUnmap;
    }

    /** Adds a buffer behind the others; one that goes on where the last one ends makes it longer. */
    public final void addBuffer(long address, long length) {
        int last = bufferCount - 1;
        if (last >= 0 && bufferAddress(last) + bufferLength(last) == address) {
            setBuffer(last, bufferAddress(last), bufferLength(last) + length);
        } else {
            setBuffer(bufferCount, address, length);
            bufferCount++;
        }
        byteCount += length;
    }

    /** A write, or writing of zeroes, that is complete when it is durable. */
    public final void setDurable(boolean durable) {
        this.durable = durable;
    }

    public final Operation operation() {
        return operation;
    }

    /** Bytes into the disk where the transfer begins. */
    public final long offset() {
        return offset;
    }

    /** Bytes in all buffers, or in the range. */
    public final long byteCount() {
        return byteCount;
    }

    public final boolean isDurable() {
        return durable;
    }

    /** Whether {@link Operation#WRITE_ZEROES} may give the storage back. */
    public final boolean mayUnmap() {
        return mayUnmap;
    }

    public final int bufferCount() {
        return bufferCount;
    }

    /** How many buffers there is room for. */
    public final int maxBuffers() {
        return maxBuffers;
    }

    public final long bufferAddress(int i) {
        return iovecs.get(LONG, (long) IOVEC_BYTES * i);
    }

    public final long bufferLength(int i) {
        return iovecs.get(LONG, (long) IOVEC_BYTES * i + LENGTH);
    }

    private void setBuffer(int i, long address, long length) {
        iovecs.set(LONG, (long) IOVEC_BYTES * i, address);
        iovecs.set(LONG, (long) IOVEC_BYTES * i + LENGTH, length);
    }

    /** Where what is left of the transfer begins on the disk. */
    final long remainingOffset() {
        return offset + doneBytes;
    }

    /** Bytes left. */
    final long remainingBytes() {
        return byteCount - doneBytes;
    }

    /** Address of the array of buffers that are left, as readv(2) takes it. */
    final long remainingIovecs() {
        return iovecsAddress + (long) IOVEC_BYTES * doneBuffers;
    }

    /** How many buffers are left. */
    final int remainingBuffers() {
        return bufferCount - doneBuffers;
    }

    /** Address of the first buffer that is left. */
    final long remainingAddress() {
        return bufferAddress(doneBuffers);
    }

    /** Takes note that {@code count} bytes more are done: fewer than are left. */
    final void advance(long count) {
        doneBytes += count;
        long left = count;
        while (left >= bufferLength(doneBuffers)) {
            left -= bufferLength(doneBuffers);
            restoreBuffer();
            doneBuffers++;
        }
        if (left > 0) {
            setBuffer(doneBuffers, bufferAddress(doneBuffers) + left, bufferLength(doneBuffers) - left);
            doneInBuffer += left;
        }
    }

    private void restoreBuffer() {
        setBuffer(doneBuffers, bufferAddress(doneBuffers) - doneInBuffer, bufferLength(doneBuffers) + doneInBuffer);
        doneInBuffer = 0;
    }

    /** From here on, time is counted anew; that of the requests and parts begun since is one sum. */
    public final void clearTimes() {
        engineNs = 0;
        engineEndNs = 0;
    }

    /** An engine has it from {@code nowNs} on. */
    final void engineBegan(long nowNs) {
        engineNs -= nowNs;
    }

    /** The engine has done with it. */
    final void engineEnded(long nowNs) {
        engineNs += nowNs;
        engineEndNs = nowNs;
    }

    /** For a link that carries this on in requests of its own: what engines took for {@code part} they took for this. */
    public final void addTimes(BlockIo part) {
        engineNs += part.engineNs;
        engineEndNs = part.engineEndNs;
    }

    /** For how long engines had it, once they have it no more. The rest of its time it has spent in links before them. */
    public final long engineNs() {
        return engineNs;
    }

    /** When an engine gave it back the last time, as {@link System#nanoTime} counts; 0 where none had it. */
    public final long engineEndNs() {
        return engineEndNs;
    }

    /** Lets {@code link} see the result before those that came to the request earlier. */
    public final void onReturn(BlockReturn link) {
        returns[returnCount++] = link;
    }

    /**
     * Hands the request to {@code link}, from a timer or a message: what the links there throw is then the affair of the
     * request's device, as if they had thrown when it was submitted. For links that held it back.
     */
    public final void passTo(BlockLink link) {
        try {
            link.submit(this);
        } catch (RuntimeException | Error e) {
            onFailure(e);
        }
    }

    /**
     * Ends the request, or goes one link back. Called once by the last link, and once by each that was on the way back.
     *
     * @param result 0, or −errno
     */
    public final void complete(int result) {
        if (doneInBuffer != 0) {
            restoreBuffer();
        }
        try {
            if (returnCount == 0) {
                onComplete(result);
            } else {
                returns[--returnCount].onReturn(this, result);
            }
        } catch (RuntimeException | Error e) {
            onFailure(e);
        }
    }

    /**
     * Ends the request by a bug instead of a result: for a link that carries it on in a request of its own, and hears there
     * that something threw.
     */
    public final void fail(Throwable bug) {
        onFailure(bug);
    }

    /** The submitter's: the request is at its end, all its links are behind it. May begin the next one. */
    protected abstract void onComplete(int result);

    /**
     * The submitter's: a link on the way back, or {@link #onComplete} itself, threw. That is a bug of ours, or of who
     * wrote the link, and must stay the affair of one device. The request may never complete.
     */
    protected abstract void onFailure(Throwable bug);
}
