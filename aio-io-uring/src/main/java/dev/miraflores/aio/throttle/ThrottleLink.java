// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.Counters;

/**
 * A throttle on one queue of a disk. Reads, writes and writing of zeroes are held back; flushes and discards go through, as
 * they do under QEMU's {@code throttling.*}.
 */
final class ThrottleLink implements BlockLink {

    private final ThrottleStage stage;
    private final BlockLink next;
    private final Counters<ThrottleCounter> counters = new Counters<>(ThrottleCounter.values().length);
    private final ThrottleLane reads;
    private final ThrottleLane writes;

    ThrottleLink(ThrottleStage stage, ThrottleThread thread, BlockLink next) {
        this.stage = stage;
        this.next = next;
        this.reads = new ThrottleLane(
            ThrottleDirection.READ, stage.group(), stage.turn(ThrottleDirection.READ), thread, next, counters);
        this.writes = new ThrottleLane(
            ThrottleDirection.WRITE, stage.group(), stage.turn(ThrottleDirection.WRITE), thread, next, counters);
    }

    Counters<ThrottleCounter> counters() {
        return counters;
    }

    @Override
    public void submit(BlockIo io) {
        switch (io.operation()) {
            case READ -> reads.submit(io);
            case WRITE, WRITE_ZEROES -> writes.submit(io);
            case FLUSH, DISCARD -> next.submit(io);
        }
    }

    /** Looks at what is held anew, as limits have changed. Any thread. */
    void reconsider() {
        reads.wake();
        writes.wake();
    }

    @Override
    public void beginDrain() {
        reads.beginDrain();
        writes.beginDrain();
    }

    @Override
    public void endDrain() {
        reads.endDrain();
        writes.endDrain();
    }

    @Override
    public void close() {
        reads.close();
        writes.close();
        stage.remove(this);
    }
}
