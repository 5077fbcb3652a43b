// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockReturn;
import dev.miraflores.aio.IoMemory;

/**
 * The guest's requests, from one queue.
 * <p>Thread: that of its lane.
 */
final class MirrorLink implements BlockLink, BlockReturn {

    private final MirrorCore core;
    private final MirrorLane lane;
    /** To the source. */
    final BlockLink next;
    /** Where the guest's buffers lie. */
    final IoMemory memory;

    /**
     * @param lane {@code null} where the job has ended
     */
    MirrorLink(MirrorCore core, MirrorLane lane, BlockLink next, IoMemory memory) {
        this.core = core;
        this.lane = lane;
        this.next = next;
        this.memory = memory;
    }

    @Override
    public void submit(BlockIo io) {
        if (io.operation() == Operation.READ) {
            next.submit(io);
            return;
        }
        switch (core.mode()) {
            case OFF -> next.submit(io);
            case TRACK -> {
                if (io.operation() == Operation.FLUSH) {
                    next.submit(io);
                } else {
                    lane.trackBegun(io.operation());
                    track(io);
                }
            }
            case SYNC -> {
                if (io.operation() == Operation.DISCARD) {
                    // What it leaves behind is for the source to say; so it is copied from there, as a hole where it is one.
                    track(io);
                } else if (isBeyond(io)) {
                    next.submit(io);
                } else {
                    lane.mirror(this, io);
                }
            }
        }
    }

    private void track(BlockIo io) {
        if (!isBeyond(io)) {
            core.bitmap.set(io.offset(), io.byteCount());
        }
        io.onReturn(this);
        next.submit(io);
    }

    /** Nobody said that the disk has grown, but so it has. */
    private boolean isBeyond(BlockIo io) {
        if (io.offset() + io.byteCount() <= core.byteSize) {
            return false;
        }
        core.fail("the disk was resized from " + core.byteSize + " bytes; start it again");
        return true;
    }

    @Override
    public void onReturn(BlockIo io, int result) {
        // Whatever the result: a write that failed may have written a part.
        core.bitmap.set(io.offset(), io.byteCount());
        lane.trackEnded(io.operation());
        io.complete(result);
    }

    @Override
    public void close() {
    }
}
