// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BufferCursor;
import dev.miraflores.aio.mirror.MirrorCore.Mode;
import java.lang.foreign.MemorySegment;

/**
 * Carries a write, zeroes, or a flush of the guest's to both sides at once.
 * <p>What is written is copied first, and both sides write the copy: the guest may change its buffer while the request is
 * under way, and must not find another content after the disk has gone over to the target than before. It also lets the
 * guest's request end, and its memory go, when the target does not answer. Long writes go piece after piece.
 * <p>Thread: that of its lane; {@code granted}, any.
 */
final class MirrorWrite extends RangeLocks.Holder implements Runnable {

    /** A target may have to write zeroes as such, which should not look as if it were stuck. */
    private static final long ZEROES_BYTES = 64L << 20;

    final boolean isSmall;
    private final MirrorLane lane;
    private final MirrorCore core;
    private final MemorySegment buffer;
    private final BlockIo sourceIo;
    private final BlockIo targetIo;
    private final BufferCursor cursor = new BufferCursor();

    private MirrorLink link;
    /** The guest's; {@code null} when that has ended, while the target may still be busy. */
    private BlockIo io;
    private boolean locked;
    private long doneBytes;
    private long pieceBytes;
    /** A piece has begun, and not ended. */
    private boolean underWay;
    private boolean atSource;
    private boolean atTarget;
    /** A bug below has left it in an unknown state: it is never used again. */
    private boolean lost;
    private int sourceResult;
    /** What the lane's count of checks was when the target got it. */
    private int checksBefore;

    MirrorWrite(MirrorLane lane, MemorySegment buffer, MemorySegment arrays, boolean isSmall) {
        this.lane = lane;
        this.core = lane.core;
        this.buffer = buffer;
        this.isSmall = isSmall;
        this.sourceIo = new SourceIo(arrays.asSlice(0, BlockIo.IOVEC_BYTES));
        this.targetIo = new TargetIo(arrays.asSlice(BlockIo.IOVEC_BYTES, BlockIo.IOVEC_BYTES));
    }

    private final class SourceIo extends BlockIo {
        SourceIo(MemorySegment array) {
            super(array);
        }

        @Override
        protected void onComplete(int result) {
            onSource(result);
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
            onTarget(result);
        }

        @Override
        protected void onFailure(Throwable bug) {
            onBug(bug);
        }
    }

    /** Begins to carry {@code io}, as soon as nobody else writes to the same place. */
    void start(MirrorLink from, BlockIo guests) {
        link = from;
        io = guests;
        cursor.start(guests);
        sourceIo.clearTimes();
        doneBytes = 0;
        locked = guests.operation() != Operation.FLUSH;
        if (!locked || core.locks.acquire(
                this, core.unitStart(guests.offset()), core.unitEnd(guests.offset() + guests.byteCount()))) {
            lane.addReady(this);
        }
    }

    @Override
    void granted() {
        lane.resume(this);
    }

    @Override
    public void run() {
        lane.addReady(this);
        lane.runReady();
    }

    /** The next piece, or the first. */
    void proceed() {
        try {
            underWay = true;
            begin(sourceIo);
            boolean both = core.mode() == Mode.SYNC;
            if (both) {
                begin(targetIo);
                atTarget = true;
                lane.beginSide();
                checksBefore = lane.checks();
            }
            atSource = true;
            lane.beginSide();
            lane.source().submit(sourceIo);
            if (both) {
                lane.target().submit(targetIo);
            }
        } catch (RuntimeException | Error bug) {
            onBug(bug);
        }
    }

    private void begin(BlockIo side) {
        Operation operation = io.operation();
        long offset = io.offset() + doneBytes;
        long left = io.byteCount() - doneBytes;
        switch (operation) {
            case WRITE -> {
                if (side == sourceIo) {
                    pieceBytes = Math.min(left, buffer.byteSize());
                    cursor.read(link.memory, buffer, 0, pieceBytes);
                }
                side.begin(operation, offset);
                side.addBuffer(buffer.address(), pieceBytes);
            }
            case WRITE_ZEROES -> {
                pieceBytes = Math.min(left, ZEROES_BYTES);
                side.beginRange(operation, offset, pieceBytes, io.mayUnmap());
            }
            default -> {
                pieceBytes = left;
                side.begin(operation, offset);
            }
        }
        side.setDurable(io.isDurable());
    }

    private void onSource(int result) {
        if (lost) {
            return;
        }
        atSource = false;
        sourceResult = result;
        if (!atTarget || lane.gaveUp()) {
            endPiece();
        }
        lane.runReady();
        lane.endSide();
    }

    private void onTarget(int result) {
        atTarget = false;
        if (result < 0) {
            core.fail(TargetFault.describe(targetIo, result));
        }
        if (!lost && io == null) {
            lane.recycle(this);
        } else if (underWay && !atSource) {
            endPiece();
        }
        lane.runReady();
        lane.endSide();
    }

    private void endPiece() {
        underWay = false;
        if (sourceResult < 0) {
            if (locked) {
                // Nobody knows what the source has there now; it will be read and copied.
                core.bitmap.set(io.offset(), io.byteCount());
            }
            end(sourceResult);
            return;
        }
        doneBytes += pieceBytes;
        if (doneBytes < io.byteCount()) {
            // Where the target still has the last piece, it has failed: what it finds in the buffer does not matter.
            lane.addReady(this);
        } else {
            end(0);
        }
    }

    private void end(int result) {
        BlockIo guests = io;
        io = null;
        link = null;
        guests.addTimes(sourceIo);
        if (locked) {
            core.locks.release(this);
        }
        if (!atTarget) {
            lane.recycle(this);
        }
        guests.complete(result);
    }

    /** A link below threw: that is the affair of this disk, which hears of it, and the end of the mirror. */
    private void onBug(Throwable bug) {
        core.fail("a bug in a link: " + bug);
        lost = true;
        underWay = false;
        if (io != null) {
            BlockIo guests = io;
            io = null;
            if (locked) {
                core.locks.release(this);
            }
            guests.fail(bug);
        }
    }

    void check() {
        if (atTarget && core.isOverdue(lane.checks() - checksBefore)) {
            core.failOverdue(TargetFault.describe(targetIo));
        }
    }

    void giveUp() {
        if (underWay && atTarget && !atSource) {
            endPiece();
        }
    }
}
