// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.aio.mirror.MirrorTarget;
import dev.miraflores.aio.mirror.MirroredDisk;

/** A disk as its mirror sees it. */
final class MirrorAccess implements MirroredDisk {

    private final VirtioBlockDevice device;

    MirrorAccess(VirtioBlockDevice device) {
        this.device = device;
    }

    @Override
    public String id() {
        return device.id();
    }

    @Override
    public long byteSize() {
        return device.backend().byteSize();
    }

    @Override
    public IoThread thread() {
        return device.thread();
    }

    @Override
    public BlockFile rawFile() {
        return device.backend() instanceof RawBackend raw ? raw.file() : null;
    }

    /** Not registered with the kernel: it is used for as long as the mirror goes on, and no longer. */
    @Override
    public LinkOptions linkOptions(IoMemory memory, int depth) {
        return new LinkOptions(memory, depth, false, LinkOptions.engineCounters(), device.options().engine());
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return device.backend().attach(thread, options);
    }

    @Override
    public void insert(BlockStage stage) {
        device.insertStage(stage);
    }

    @Override
    public void remove(BlockStage stage, Runnable still, MirrorTarget successor) {
        device.reconfigure(chain -> {
            still.run();
            chain.stages().remove(stage);
            if (successor != null) {
                chain.setBackend(backend(successor));
            }
        });
    }

    private static BlockBackend backend(MirrorTarget target) {
        return target instanceof MirrorTarget.OfFile image ? new RawBackend(image.file()) : new TargetBackend(target);
    }

    /** A target of somebody's own. */
    private record TargetBackend(MirrorTarget target) implements BlockBackend {

        @Override
        public long byteSize() {
            return target.byteSize();
        }

        @Override
        public boolean isReadOnly() {
            return false;
        }

        @Override
        public boolean hasWriteCache() {
            return true;
        }

        @Override
        public int physicalBlockBytes() {
            return Math.max(BlockConfigSpace.SECTOR_BYTES, target.writeUnitBytes());
        }

        @Override
        public BlockLink attach(IoThread thread, LinkOptions options) {
            return target.attach(thread, options);
        }

        @Override
        public void close() {
            target.close();
        }
    }
}
