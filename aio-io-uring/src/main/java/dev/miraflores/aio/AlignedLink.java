// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.Storage.DirectAlignment;

/**
 * In front of the engine of a file that is open with O_DIRECT: lets through what the kernel takes as it is, and sends the
 * rest by way of aligned buffers of its own, of which there is a fixed number.
 * <p>Where the disk's blocks are larger than the guest's sectors, a write may be of a part of a block. The block is then
 * read, changed and written, during which no other write is under way: it might be of another part of the same block.
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
    private int writesUnderWay;
    private boolean partialUnderWay;

    AlignedLink(BlockEngine engine, DirectAlignment alignment, IoMemory memory) {
        this.engine = engine;
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
            if (mayWrite(io)) {
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

    private boolean mayWrite(BlockIo io) {
        return waitingForWrites.isEmpty() && mayWriteNow(io);
    }

    private boolean mayWriteNow(BlockIo io) {
        return !partialUnderWay && (writesUnderWay == 0 || !isPartial(io));
    }

    private void startWrite(BlockIo io) {
        writesUnderWay++;
        partialUnderWay = isPartial(io);
        if (partialUnderWay) {
            counters.increment(EngineCounter.READ_MODIFY_WRITE);
        }
        io.onReturn(this);
        pass(io);
    }

    @Override
    public void onReturn(BlockIo io, int result) {
        writesUnderWay--;
        partialUnderWay = false;
        io.complete(result);
        while (!waitingForWrites.isEmpty() && mayWriteNow(waitingForWrites.first())) {
            startWrite(waitingForWrites.remove());
        }
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
