// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.aio.mirror.MirrorCore.Mode;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * The mirror's place among a disk's stages, which is the last: what it sees is what the image gets.
 * <p>Thread: as {@link BlockStage}; {@link #forEachLane}, any.
 */
final class MirrorStage implements BlockStage {

    private final MirrorCore core;
    private final Map<IoThread, MirrorLane> lanes = new ConcurrentHashMap<>();

    MirrorStage(MirrorCore core) {
        this.core = core;
    }

    @Override
    public BlockLink attach(IoThread thread, BlockLink next, LinkOptions options) {
        return new MirrorLink(core, lane(thread), next, options.memory());
    }

    /** The thread's lane, which stays when links come and go. */
    private MirrorLane lane(IoThread thread) {
        MirrorLane lane = lanes.get(thread);
        if (lane == null && core.mode() != Mode.OFF) {
            try {
                lane = new MirrorLane(core, thread);
                lanes.put(thread, lane);
            } catch (RuntimeException e) {
                core.fail("cannot be opened on I/O thread " + thread.name() + ": " + e.getMessage());
            }
        }
        return lane;
    }

    void forEachLane(Consumer<MirrorLane> action) {
        lanes.values().forEach(action);
    }

    @Override
    public void onResize(long byteSize) {
        if (byteSize != core.byteSize) {
            core.fail("the disk was resized from " + core.byteSize + " to " + byteSize + " bytes; start it again");
        }
    }

    /** The job takes itself away; where it did not, the disk came to its end. */
    @Override
    public void close() {
        core.fail("the disk was closed");
    }
}
