// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.Storage.DirectAlignment;
import java.util.concurrent.Executor;

/**
 * In front of the engine of a file that is open with O_DIRECT: lets through what the kernel takes as it is, and sends the
 * rest by way of aligned buffers of its own, of which there is a fixed number.
 * <p>Where the disk's blocks are larger than the guest's sectors, a write may be of a part of a block. The block is then
 * read, changed and written, during which no other write is under way: it might be of another part of the same block. The
 * file's {@link WriteGate} sees to that, for the links of all queues and threads.
 */
final class AlignedLink implements BlockEngine, BlockReturn {

    /** Copies under way at once; requests beyond that wait. */
    private static final int BOUNCES = 16;

    private final BlockEngine engine;
    private final IoMemory memory;
    private final long memoryMask;
    private final long offsetMask;
    private final boolean writesCanBePartial;
    private final Counters<EngineCounter> counters;

    /** Made with the first odd request: most disks never see one. */
    private Mapping buffers;
    private final Bounce[] idle = new Bounce[BOUNCES];
    private int idleCount;

    private final BlockIoQueue waitingForBounce = new BlockIoQueue();
    private final BlockIoQueue waitingForWrites = new BlockIoQueue();
    private final WriteGate gate;
    private final Executor thread;
    private final Runnable letInMessage = new LetIn();
    /** The gate's, under its lock: whether the first write that waits is of part of a block. */
    boolean firstIsPartial;

    /**
     * @param gate   that of the file
     * @param thread the link's
     */
    AlignedLink(BlockEngine engine, DirectAlignment alignment, IoMemory memory, WriteGate gate, Executor thread) {
        this.engine = engine;
        this.gate = gate;
        this.thread = thread;
        this.memory = memory;
        this.memoryMask = alignment.memoryBytes() - 1L;
        this.offsetMask = alignment.offsetBytes() - 1L;
        this.writesCanBePartial = alignment.offsetBytes() > BlockFile.SECTOR_BYTES;
        this.counters = engine.counters();
    }

    @Override
    public String name() {
        return engine.name();
    }

    @Override
    public int inFlight() {
        return engine.inFlight() + waitingForBounce.size() + waitingForWrites.size();
    }

    @Override
    public Counters<EngineCounter> counters() {
        return counters;
    }

    long offsetMask() {
        return offsetMask;
    }

    @Override
    public void submit(BlockIo io) {
        if (writesCanBePartial && io.operation() != Operation.READ && io.operation() != Operation.FLUSH) {
            if (waitingForWrites.isEmpty() && gate.enter(this, isPartial(io))) {
                startWrite(io);
            } else {
                waitingForWrites.add(io);
            }
        } else {
            pass(io);
        }
    }

    private void pass(BlockIo io) {
        if (io.operation() == Operation.FLUSH || io.operation().isRange() || isAligned(io)) {
            engine.submit(io);
        } else {
            bounce(io);
        }
    }

    private boolean isAligned(BlockIo io) {
        long odd = io.offset() & offsetMask;
        for (int i = 0; i < io.bufferCount(); i++) {
            odd |= io.bufferAddress(i) & memoryMask | io.bufferLength(i) & offsetMask;
        }
        return odd == 0;
    }

    private boolean isPartial(BlockIo io) {
        return ((io.offset() | io.byteCount()) & offsetMask) != 0;
    }

    /** For the gate, on any thread: the first write that waits is in. */
    void letIn() {
        thread.execute(letInMessage);
    }

    private final class LetIn implements Runnable {
        @Override
        public void run() {
            startWrite(waitingForWrites.remove());
            while (!waitingForWrites.isEmpty() && gate.enter(AlignedLink.this, isPartial(waitingForWrites.first()))) {
                startWrite(waitingForWrites.remove());
            }
        }
    }

    private void startWrite(BlockIo io) {
        if (isPartial(io)) {
            counters.increment(EngineCounter.READ_MODIFY_WRITE);
        }
        io.onReturn(this);
        pass(io);
    }

    @Override
    public void onReturn(BlockIo io, int result) {
        gate.leave();
        io.complete(result);
    }

    private void bounce(BlockIo io) {
        counters.increment(EngineCounter.BOUNCED);
        if (buffers == null) {
            makeBounces();
        }
        if (idleCount == 0) {
            waitingForBounce.add(io);
        } else {
            idle[--idleCount].start(io);
        }
    }

    private void makeBounces() {
        buffers = Mapping.anonymous((long) BOUNCES * Bounce.MAPPED_BYTES, 0);
        for (int i = 0; i < BOUNCES; i++) {
            idle[i] = new Bounce(this, buffers.segment().asSlice((long) i * Bounce.MAPPED_BYTES, Bounce.MAPPED_BYTES));
        }
        idleCount = BOUNCES;
    }

    /** For {@link Bounce}: hands a request of its own to the engine. */
    void submitToEngine(Bounce bounce) {
        engine.submit(bounce);
    }

    IoMemory memory() {
        return memory;
    }

    /** {@code bounce} has done what it was started for. */
    void done(Bounce bounce, BlockIo io, int result) {
        if (waitingForBounce.isEmpty()) {
            idle[idleCount++] = bounce;
        } else {
            bounce.start(waitingForBounce.remove());
        }
        io.complete(result);
    }

    @Override
    public void close() {
        engine.close();
        if (buffers != null) {
            buffers.close();
            buffers = null;
        }
    }
}
