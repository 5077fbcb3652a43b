// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockStage;
import java.util.ArrayList;
import java.util.List;

/**
 * What stands between a disk's queues and its image, and the image, while a {@link Reconfiguration} changes them.
 * <p>Thread: the one that the reconfiguration runs on, until it returns.
 */
public final class DiskChain {

    private final List<BlockStage> stages;
    private BlockBackend backend;

    DiskChain(List<BlockStage> stages, BlockBackend backend) {
        this.stages = new ArrayList<>(stages);
        this.backend = backend;
    }

    /** The stages, that next to the guest first. May be changed. */
    public List<BlockStage> stages() {
        return stages;
    }

    /** What is behind the last stage. */
    public BlockBackend backend() {
        return backend;
    }

    /** Puts something else there. */
    public void setBackend(BlockBackend other) {
        backend = other;
    }
}
