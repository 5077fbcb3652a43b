// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Copies a part of the source to the target, of which nobody else writes that part meanwhile.
 * <p>Thread: the job's, and between {@link #begin} and the end the copier's I/O thread; {@code granted}, any.
 */
final class CopyChunk extends RangeLocks.Holder implements Runnable {

    private static final ValueLayout.OfByte FIRST = ValueLayout.JAVA_BYTE;

    private final Copier copier;
    private final MemorySegment buffer;
    private final BlockIo sourceIo;
    private final BlockIo targetIo;

    private long start;
    private long byteCount;
    private boolean hole;
    private volatile boolean granted;

    private boolean atTarget;
    private int checksBefore;

    CopyChunk(Copier copier, MemorySegment buffer, MemorySegment arrays) {
        this.copier = copier;
        this.buffer = buffer;
        this.sourceIo = new SourceIo(arrays.asSlice(0, BlockIo.IOVEC_BYTES));
        this.targetIo = new TargetIo(arrays.asSlice(BlockIo.IOVEC_BYTES, BlockIo.IOVEC_BYTES));
    }

    private final class SourceIo extends BlockIo {
        SourceIo(MemorySegment array) {
            super(array);
        }

        @Override
        protected void onComplete(int result) {
            onRead(result);
        }

        @Override
        protected void onFailure(Throwable bug) {
            onBug(bug);
        }
    }

    private final class TargetIo extends BlockIo {
        TargetIo(MemorySegment array) {
            super(array);
        }

        @Override
        protected void onComplete(int result) {
            onWritten(result);
        }

        @Override
        protected void onFailure(Throwable bug) {
            onBug(bug);
        }
    }

    /** Wants the range; answers whether it has it, else {@link #hasRange} will. */
    boolean acquire(long from, long end) {
        MirrorCore core = copier.core;
        start = from;
        byteCount = end - from;
        granted = false;
        if (core.locks.acquire(this, core.unitStart(from), core.unitEnd(end))) {
            granted = true;
        }
        return granted;
    }

    boolean hasRange() {
        return granted;
    }

    @Override
    void granted() {
        granted = true;
        copier.core.wake();
    }

    /** Nothing was done. */
    void giveBack() {
        end(0);
    }

    /**
     * Copies the range that it has.
     *
     * @param asHole whether it is known to be one
     * @return whether that has begun
     */
    boolean begin(boolean asHole) {
        hole = asHole;
        if (copier.execute(this)) {
            return true;
        }
        giveBack();
        return false;
    }

    @Override
    public void run() {
        try {
            if (hole) {
                write(true);
            } else {
                sourceIo.begin(Operation.READ, start);
                sourceIo.addBuffer(buffer.address(), byteCount);
                copier.source().submit(sourceIo);
            }
        } catch (RuntimeException | Error bug) {
            onBug(bug);
        }
    }

    private void onRead(int result) {
        if (result < 0) {
            copier.core.fail("the source cannot be read: " + TargetFault.describe(sourceIo, result));
            end(0);
        } else {
            write(copier.core.config.detectZeroes() && isZero());
        }
    }

    /** Looks at every byte only where the first are zero. */
    private boolean isZero() {
        MemorySegment bytes = buffer.asSlice(0, byteCount);
        return bytes.get(FIRST, 0) == 0 && bytes.asSlice(0, byteCount - 1).mismatch(bytes.asSlice(1)) == -1;
    }

    private void write(boolean zeroes) {
        if (zeroes) {
            targetIo.beginRange(Operation.WRITE_ZEROES, start, byteCount, true);
        } else {
            targetIo.begin(Operation.WRITE, start);
            targetIo.addBuffer(buffer.address(), byteCount);
        }
        atTarget = true;
        checksBefore = copier.checks();
        copier.beginAtTarget();
        copier.target().submit(targetIo);
    }

    private void onWritten(int result) {
        atTarget = false;
        if (result < 0) {
            copier.core.fail(TargetFault.describe(targetIo, result));
        }
        copier.endAtTarget();
        end(result < 0 ? 0 : byteCount);
    }

    private void end(long copied) {
        copier.core.locks.release(this);
        copier.recycle(this, copied);
    }

    void check() {
        if (atTarget && copier.core.isOverdue(copier.checks() - checksBefore)) {
            copier.core.failOverdue(TargetFault.describe(targetIo));
        }
    }

    /** It is left as it is, range and all: nobody knows what is under way of it. */
    private void onBug(Throwable bug) {
        copier.core.fail("a bug in a link: " + bug);
    }
}
