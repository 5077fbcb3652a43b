// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.lang.foreign.MemorySegment;

/**
 * A buffer that O_DIRECT takes, and the requests that carry another one's bytes through it, piece after piece.
 * <pre>  0            IOVEC_BYTES   the one buffer of this request
 *   PAGE_BYTES   BUFFER_BYTES  the bytes </pre>
 */
final class Bounce extends BlockIo {

    /** The length of a piece. */
    static final int BUFFER_BYTES = 64 * 1024;
    private static final int PAGE_BYTES = 4096;
    static final int MAPPED_BYTES = PAGE_BYTES + BUFFER_BYTES;

    private final AlignedLink link;
    private final MemorySegment buffer;
    /** In the buffers of the odd request. */
    private final BufferCursor cursor = new BufferCursor();

    private BlockIo odd;
    /** Bytes of the odd request that are done, and in the piece under way. */
    private long doneBytes;
    private long pieceBytes;
    /** Where the piece begins in the buffer: behind what the block has before it. */
    private long pieceOffset;
    /** The block is being read, for a write of part of it. */
    private boolean filling;

    Bounce(AlignedLink link, MemorySegment mapped) {
        super(mapped.asSlice(0, IOVEC_BYTES));
        this.link = link;
        this.buffer = mapped.asSlice(PAGE_BYTES, BUFFER_BYTES);
    }

    /** The bytes, as of the piece under way. */
    MemorySegment buffer() {
        return buffer;
    }

    /** Begins to carry {@code io}. */
    void start(BlockIo io) {
        odd = io;
        cursor.start(io);
        doneBytes = 0;
        clearTimes();
        nextPiece();
    }

    private void nextPiece() {
        long mask = link.offsetMask();
        long start = odd.offset() + doneBytes;
        long blockStart = start & ~mask;
        long end = Math.min(odd.offset() + odd.byteCount(), blockStart + BUFFER_BYTES);
        long blockEnd = end + mask & ~mask;
        pieceOffset = start - blockStart;
        pieceBytes = end - start;
        filling = odd.operation() == Operation.WRITE && pieceBytes != blockEnd - blockStart;
        if (odd.operation() == Operation.READ || filling) {
            begin(Operation.READ, blockStart);
        } else {
            cursor.read(link.memory(), buffer, pieceOffset, pieceBytes);
            begin(Operation.WRITE, blockStart);
            setDurable(odd.isDurable());
        }
        addBuffer(buffer.address(), blockEnd - blockStart);
        link.submitToEngine(this);
    }

    @Override
    protected void onComplete(int result) {
        // What is missing at the end of the last block does not matter as long as it is behind the piece.
        boolean enough = operation() == Operation.READ && byteCount() - remainingBytes() >= pieceOffset + pieceBytes;
        if (result != 0 && !enough) {
            finish(result);
        } else if (filling) {
            writeBack();
        } else {
            if (operation() == Operation.READ) {
                cursor.write(link.memory(), buffer, pieceOffset, pieceBytes);
            }
            link.counters().add(EngineCounter.BOUNCED_BYTES, pieceBytes);
            doneBytes += pieceBytes;
            if (doneBytes == odd.byteCount()) {
                finish(0);
            } else {
                nextPiece();
            }
        }
    }

    private void writeBack() {
        filling = false;
        cursor.read(link.memory(), buffer, pieceOffset, pieceBytes);
        long blockBytes = byteCount();
        begin(Operation.WRITE, offset());
        setDurable(odd.isDurable());
        addBuffer(buffer.address(), blockBytes);
        link.submitToEngine(this);
    }

    private void finish(int result) {
        BlockIo done = odd;
        odd = null;
        done.addTimes(this);
        link.done(this, done, result);
    }

    @Override
    protected void onFailure(Throwable bug) {
        BlockIo victim = odd;
        if (victim != null) {
            victim.onFailure(bug);
        }
    }
}
