// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockIoQueue;
import dev.miraflores.linux.Errno;
import java.lang.foreign.MemorySegment;

/**
 * Writes what has changed in the tables, in an order in which the image is valid after every write: at worst clusters are
 * counted that nobody points to.
 * <pre>  refcount blocks → sync → refcount table → sync → L2 tables → L1 table → sync → clusters become free </pre>
 * An L2 table that the L1 table points to for the first time was written whole before the commit, so what matters of it is
 * durable with the second sync. That also makes durable the data that new entries point to. Syncs before steps that have
 * nothing to write are left out.
 * <p>While this goes on no entry of an L2 table, of the L1 table or of the refcount table is changed: who wants to waits for
 * the thaw. Refcounts may be changed, since they only go up before the sync of clusters that nothing on disk points to, and
 * down after that of clusters that nothing points to any more.
 */
final class Committer {

    private enum Phase {
        IDLE, REFCOUNTS, REFCOUNT_TABLE_SYNC, REFCOUNT_TABLE, L2_SYNC, L2, L1, LAST_SYNC, DONE;

        private static final Phase[] ALL = values();

        Phase next() {
            return ALL[ordinal() + 1];
        }
    }

    private final Metadata metadata;
    private final Geometry geometry;
    private final Write[] idle = new Write[ImageMemory.COMMIT_WRITES];
    private int idleCount = idle.length;

    private Phase phase = Phase.IDLE;
    private boolean wanted;
    private boolean pumping;
    /** The next slot or piece to look at. */
    private int next;
    private int result;
    private boolean synced;
    /** Something of the phases before has been written since the last sync. */
    private boolean unsynced;

    /** For the next commit, and for the one under way. */
    private BlockIoQueue flushers = new BlockIoQueue();
    private BlockIoQueue current = new BlockIoQueue();

    Committer(Metadata metadata) {
        this.metadata = metadata;
        this.geometry = metadata.geometry;
        for (int i = 0; i < idle.length; i++) {
            idle[i] = new Write(metadata.memory.staging(i));
        }
    }

    /** Nothing has to be written, and nothing is being written. */
    boolean isClean() {
        return phase == Phase.IDLE && !isDirty();
    }

    /** Clean, and synced since: a commit that nobody waits for leaves the last sync out. */
    boolean isDurable() {
        return isClean() && !unsynced;
    }

    private boolean isDirty() {
        return metadata.refcounts.dirtyCount() != 0 || metadata.l2.dirtyCount() != 0 || metadata.reftable.isDirty()
            || metadata.l1.isDirty();
    }

    /** No entry of a table may change now; {@link Metadata#thawWaiters} are told when. */
    boolean isFrozen() {
        return phase != Phase.IDLE && phase.ordinal() < Phase.LAST_SYNC.ordinal();
    }

    /** {@code flusher} goes on when all that is changed now is durable, or with the error. */
    void flush(Task flusher) {
        flushers.add(flusher);
        want();
    }

    /** A commit, soon. */
    void want() {
        wanted = true;
        pump();
    }

    private void pump() {
        if (pumping) {
            return;
        }
        pumping = true;
        try {
            while (goOn()) {
                // until something has to be waited for
            }
        } finally {
            pumping = false;
        }
    }

    /** Does what can be done now; answers whether there may be more. */
    private boolean goOn() {
        if (phase == Phase.IDLE) {
            if (!wanted) {
                return false;
            }
            start();
            return true;
        }
        boolean moreToWrite = result == 0 && writeNext();
        if (moreToWrite || idleCount != idle.length) {
            return moreToWrite;
        }
        if (result != 0 || phase == Phase.DONE) {
            end();
        } else {
            phase = phase.next();
            next = 0;
            synced = false;
            if (phase == Phase.LAST_SYNC) {
                Task.wake(metadata.thawWaiters, 0);
            }
        }
        return true;
    }

    private void start() {
        wanted = false;
        BlockIoQueue swap = current;
        current = flushers;
        flushers = swap;
        metadata.freed.beginCommit();
        result = metadata.isCorrupt() ? -Errno.EIO : 0;
        unsynced = true; // the guest's data may be
        next = 0;
        phase = Phase.REFCOUNTS;
    }

    private void end() {
        int outcome = result;
        phase = Phase.IDLE;
        metadata.freed.endCommit(outcome == 0);
        Task.wake(metadata.thawWaiters, 0);
        Task.wake(current, outcome);
        Task.wake(metadata.slotWaiters, outcome);
    }

    /** Hands over one write of this phase; answers false where there is none left, or none can be had now. */
    private boolean writeNext() {
        if (idleCount == 0) {
            return false;
        }
        return switch (phase) {
            case REFCOUNTS -> writeSlice(metadata.refcounts);
            case L2 -> writeSlice(metadata.l2);
            case REFCOUNT_TABLE -> writePiece(metadata.reftable);
            case L1 -> writePiece(metadata.l1);
            case REFCOUNT_TABLE_SYNC -> sync(metadata.reftable.isDirty());
            case L2_SYNC -> sync(metadata.l2.dirtyCount() != 0 || metadata.l1.isDirty());
            case LAST_SYNC -> sync(!current.isEmpty() || metadata.freed.isCommitting());
            default -> false;
        };
    }

    private boolean writeSlice(SliceCache cache) {
        if (cache.dirtyCount() == 0) {
            return false;
        }
        while (next < cache.slots() && !cache.isDirty(next)) {
            next++;
        }
        if (next == cache.slots()) {
            return false;
        }
        Write write = idle[--idleCount];
        write.slice(cache, next++);
        return true;
    }

    private boolean writePiece(Table table) {
        int piece = table.nextDirty(next);
        if (piece < 0) {
            return false;
        }
        next = piece + 1;
        idle[--idleCount].piece(table, piece);
        return true;
    }

    private boolean sync(boolean needed) {
        if (synced || !needed || !unsynced) {
            return false;
        }
        synced = true;
        unsynced = false;
        idle[--idleCount].sync();
        return true;
    }

    /** One write, or sync, of a commit. */
    private final class Write extends BlockIo {
        private final MemorySegment staging;
        private SliceCache cache;
        private Table table;
        private int index;

        Write(MemorySegment staging) {
            super(metadata.memory.iovecs());
            this.staging = staging;
        }

        void slice(SliceCache from, int slot) {
            cache = from;
            index = slot;
            from.beginWrite(slot);
            begin(Operation.WRITE, from.offset(slot));
            addBuffer(from.memory.address() + from.base(slot), geometry.sliceBytes);
            metadata.submit(this);
        }

        void piece(Table from, int piece) {
            table = from;
            index = piece;
            from.setDirty(piece, false);
            from.copyPiece(piece, staging);
            begin(Operation.WRITE, from.pieceOffset(piece));
            addBuffer(staging.address(), geometry.sliceBytes);
            metadata.submit(this);
        }

        void sync() {
            begin(Operation.FLUSH, 0);
            metadata.submit(this);
        }

        @Override
        protected void onComplete(int outcome) {
            if (cache != null) {
                cache.endWrite(index, outcome == 0);
            } else if (table != null && outcome != 0) {
                table.setDirty(index, true);
            }
            unsynced |= cache != null || table != null || outcome != 0;
            cache = null;
            table = null;
            if (outcome != 0 && result == 0) {
                result = outcome;
            }
            idle[idleCount++] = this;
            pump();
        }

        @Override
        protected void onFailure(Throwable bug) {
            metadata.failed(bug);
        }
    }
}
