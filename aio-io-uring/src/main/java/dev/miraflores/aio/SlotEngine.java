// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;

/**
 * What engines have in common. A request has a slot while it is in flight, by whose number the kernel or a worker tells what
 * has become of it. One that is done in parts is continued, one that is refused for the moment is tried anew, and one for
 * which there is no room is held back.
 * <p>Requests gather until the turn ends. It ends early when the disk has little to do beside what has gathered, so that it
 * begins on the first of a batch while we are still busy with the rest: a disk that is idle gets one, then one more, and
 * then ever more at a time.
 * <p>Thread: the I/O thread.
 */
abstract class SlotEngine implements BlockEngine {

    /** EAGAIN is rare and passes; a host where it does not gets it reported after that many times. */
    private static final int MAX_RETRIES = 100;

    final IoThread thread;
    final BlockFile file;
    final Counters<EngineCounter> counters;

    /** A disk that has so many times what has gathered is busy for long enough that more may gather. */
    private static final int ENOUGH = 4;

    private final BlockIo[] slots;
    private final int[] freeSlots;
    private int freeCount;
    /** Begun since requests were last handed over. */
    private int gathered;

    /** Requests for which there was no room, first come first served. */
    private final BlockIoQueue heldBack = new BlockIoQueue();

    /** Made for the first call that waits. */
    private WorkerQueue workers;

    SlotEngine(IoThread thread, BlockFile file, LinkOptions options) {
        int depth = options.depth();
        this.thread = thread;
        this.file = file;
        this.counters = options.counters();
        this.slots = new BlockIo[depth];
        this.freeSlots = new int[depth];
        for (int i = 0; i < depth; i++) {
            freeSlots[i] = depth - 1 - i;
        }
        this.freeCount = depth;
    }

    /**
     * Hands what is left of a request to the kernel, now or with others at the end of the turn.
     *
     * @return whether there was room for it
     */
    abstract boolean begin(BlockIo io, int slot);

    /** Has what was begun handed over soon. */
    void endTurnSoon() {
        thread.endTurnSoon();
    }

    /** All that was begun has been handed over. */
    final void handedOver() {
        gathered = 0;
    }

    /** For stamps on requests. */
    long nowNs() {
        return thread.turnNanoTime();
    }

    @Override
    public final int inFlight() {
        return slots.length - freeCount + heldBack.size();
    }

    final int depth() {
        return slots.length;
    }

    /** The request in a slot. */
    final BlockIo at(int slot) {
        return slots[slot];
    }

    @Override
    public final Counters<EngineCounter> counters() {
        return counters;
    }

    @Override
    public final void submit(BlockIo io) {
        if (hasNothingToDo(io)) {
            io.complete(0);
        } else {
            startOrHoldBack(io);
        }
    }

    private boolean hasNothingToDo(BlockIo io) {
        return switch (io.operation()) {
            case READ, WRITE -> false;
            case FLUSH -> !file.cache().flushes();
            case DISCARD, WRITE_ZEROES -> file.ranges().byteCount(io) == 0;
        };
    }

    private void startOrHoldBack(BlockIo io) {
        if (!heldBack.isEmpty() || !start(io)) {
            heldBack.add(io);
        }
    }

    /** Once a turn: there may be room again. */
    final void submitHeldBack() {
        while (!heldBack.isEmpty() && start(heldBack.first())) {
            heldBack.remove();
        }
    }

    /** Gives the request a slot and hands it over; answers false where there is no room now. */
    private boolean start(BlockIo io) {
        if (freeCount == 0) {
            return false;
        }
        int slot = freeSlots[freeCount - 1];
        if (!begin(io, slot)) {
            return false;
        }
        counters.increment(EngineCounter.SUBMITTED);
        freeCount--;
        slots[slot] = io;
        io.engineBegan(nowNs());
        if (++gathered * ENOUGH > inKernel()) {
            endTurnSoon();
        }
        return true;
    }

    private int inKernel() {
        return slots.length - freeCount - gathered;
    }

    /** Has a worker do it, by calls that wait. */
    final boolean beginOnWorker(BlockIo io, int slot) {
        if (workers == null) {
            startWorkers();
        }
        workers.begin(io, slot);
        return true;
    }

    final void startWorkers() {
        workers = new WorkerQueue(thread, this, file, slots.length);
    }

    private BlockIo release(int slot) {
        BlockIo io = slots[slot];
        slots[slot] = null;
        freeSlots[freeCount++] = slot;
        io.engineEnded(nowNs());
        return io;
    }

    /**
     * What has become of the request in a slot.
     *
     * @param result bytes, or −errno
     */
    final void onResult(int slot, long result) {
        BlockIo io = release(slot);
        if (result == -Errno.EAGAIN || result == -Errno.EINTR) {
            retry(io, (int) result);
        } else if (io.operation().isRange()) {
            finishRange(io, result);
        } else if (io.operation() == Operation.FLUSH) {
            io.complete(file.syncResult((int) Math.min(result, 0)));
        } else if (result == io.remainingBytes()) {
            io.complete(0);
        } else if (result > 0) {
            counters.increment(EngineCounter.CONTINUED);
            io.advance(result);
            startOrHoldBack(io);
        } else {
            // No bytes at all: the file has become shorter than the disk. What is missing is lost, not zero.
            io.complete(result == 0 ? -Errno.EIO : (int) result);
        }
    }

    private void retry(BlockIo io, int result) {
        if (io.retries == MAX_RETRIES) {
            io.complete(result);
        } else {
            counters.increment(EngineCounter.RETRIED);
            io.retries++;
            startOrHoldBack(io);
        }
    }

    /** The kernel has no way for the request in a slot that does not wait: a worker has one. */
    final void moveToWorker(int slot) {
        BlockIo io = release(slot);
        io.needsWorker = true;
        startOrHoldBack(io);
    }

    private void finishRange(BlockIo io, long result) {
        if (result > 0) {
            boolean zeroes = io.operation() == Operation.WRITE_ZEROES;
            if (zeroes) {
                counters.add(EngineCounter.ZEROED_BYTES, result);
            }
            if (!zeroes || file.ranges().unmapped(io)) {
                counters.add(EngineCounter.DISCARDED_BYTES, result);
            }
        }
        io.complete((int) Math.min(result, 0));
    }

    /** A worker threw: the request cannot be relied on, and its submitter's device ends. */
    final void onBug(int slot, Throwable bug) {
        release(slot).onFailure(bug);
    }

    /** Gives back what the engine has of the kernel's. */
    abstract void end();

    @Override
    public final void close() {
        if (inFlight() != 0) {
            throw new IllegalStateException("drive " + file + ": " + inFlight() + " requests in flight");
        }
        if (workers != null) {
            workers.close();
        }
        end();
        thread.closed(this);
    }
}
