// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.lang.foreign.MemorySegment;

/**
 * Goes through the buffers of a request once, for who carries it out part after part: what is done with the next bytes of the
 * buffers takes it behind them. Nobody may ask for more than are left.
 * <p>Thread: that of the request.
 * <p>Lifetime: used for one request after the other; of each, until the request completes.
 */
public final class BufferCursor {

    private BlockIo io;
    private int buffer;
    private long inBuffer;

    /** At no request. */
    public BufferCursor() {
    }

    /** Goes to the first byte of a request's buffers. */
    public void start(BlockIo request) {
        io = request;
        buffer = 0;
        inBuffer = 0;
    }

    /** Makes the next {@code byteCount} bytes buffers of {@code part}, behind those that it has. */
    public void addTo(BlockIo part, long byteCount) {
        for (long done = 0; done < byteCount; ) {
            long count = count(byteCount - done);
            part.addBuffer(address(), count);
            done += advance(count);
        }
    }

    /**
     * Copies the next {@code byteCount} bytes.
     *
     * @param memory that the buffers lie in
     * @throws IllegalStateException where one of them does not
     */
    public void read(IoMemory memory, MemorySegment into, long intoOffset, long byteCount) {
        for (long done = 0; done < byteCount; ) {
            long count = count(byteCount - done);
            memory.read(address(), into, intoOffset + done, count);
            done += advance(count);
        }
    }

    /** Copies to where the next {@code byteCount} bytes are, as {@link #read}. */
    public void write(IoMemory memory, MemorySegment from, long fromOffset, long byteCount) {
        for (long done = 0; done < byteCount; ) {
            long count = count(byteCount - done);
            memory.write(address(), from, fromOffset + done, count);
            done += advance(count);
        }
    }

    /** Makes the next {@code byteCount} bytes zero, as {@link #read}. */
    public void clear(IoMemory memory, long byteCount) {
        for (long done = 0; done < byteCount; ) {
            long count = count(byteCount - done);
            memory.clear(address(), count);
            done += advance(count);
        }
    }

    private long address() {
        return io.bufferAddress(buffer) + inBuffer;
    }

    /** How many of {@code left} bytes are in this buffer. */
    private long count(long left) {
        return Math.min(io.bufferLength(buffer) - inBuffer, left);
    }

    /** Goes on by {@code count} bytes, which are in this buffer; answers how many. */
    private long advance(long count) {
        inBuffer += count;
        if (inBuffer == io.bufferLength(buffer)) {
            buffer++;
            inBuffer = 0;
        }
        return count;
    }
}
