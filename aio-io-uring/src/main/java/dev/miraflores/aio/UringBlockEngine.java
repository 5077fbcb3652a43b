// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.linux.Storage;

/**
 * Requests as entries of the thread's ring. A request's slot comes back in the user_data; entries gather until the turn
 * ends. Where devices are asked for completions, transfers have a ring of their own, since such a ring takes nothing else.
 */
final class UringBlockEngine extends SlotEngine implements CqeHandler {

    private final UringPort port;
    private final EngineFile own;
    private final EngineFile transfers;
    private final PolledRing polled;

    /**
     * @param polled the ring for transfers, or {@code null} for the port's own
     */
    UringBlockEngine(IoThread thread, UringPort port, PolledRing polled, BlockFile file, LinkOptions options) {
        super(thread, file, options);
        this.port = port;
        this.polled = polled;
        this.own = new EngineFile(port.engineRing, file, options, this);
        this.transfers = polled == null ? own : new EngineFile(polled.transfers, file, options, this);
    }

    @Override
    public String name() {
        return EngineKind.IO_URING.word();
    }

    @Override
    boolean begin(BlockIo io, int slot) {
        return switch (io.operation()) {
            case READ -> begun(transfers.read(io, slot));
            case WRITE -> begun(transfers.write(io, slot, isDurable(io) ? Storage.RWF_DSYNC : 0));
            case FLUSH -> own.flush(io, slot);
            case DISCARD, WRITE_ZEROES -> isOneFallocate(io)
                ? own.fallocate(io, slot, fallocateMode(io), file.ranges().start(io), file.ranges().byteCount(io))
                : beginOnWorker(io, slot);
        };
    }

    private boolean begun(boolean done) {
        if (done && polled != null) {
            polled.begun();
        }
        return done;
    }

    private boolean isDurable(BlockIo io) {
        return io.isDurable() && file.cache().flushes();
    }

    private int fallocateMode(BlockIo io) {
        return file.ranges().fallocateMode(io.operation(), io.mayUnmap());
    }

    /** The kernel does fallocate on threads of its own; what takes more than that is for ours. */
    private boolean isOneFallocate(BlockIo io) {
        return fallocateMode(io) != FileRanges.NO_MODE && !isDurable(io) && !io.needsWorker;
    }

    @Override
    public void onCompletion(int value, int result, int flags) {
        BlockIo io = at(value);
        if (!io.operation().isRange() || result != 0 && !FileRanges.isRefusal(result)) {
            onResult(value, result);
        } else if (result == 0) {
            onResult(value, file.ranges().byteCount(io));
        } else {
            moveToWorker(value); // which finds out what the file can do instead
        }
    }

    @Override
    void end() {
        port.removeEngine(this);
        own.close();
        if (transfers != own) {
            transfers.close();
        }
    }
}
