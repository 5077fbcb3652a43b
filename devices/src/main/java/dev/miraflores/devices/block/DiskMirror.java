// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.aio.mirror.MirrorConfig;
import dev.miraflores.aio.mirror.MirrorException;
import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorListener;
import dev.miraflores.aio.mirror.MirrorTarget;
import dev.miraflores.aio.mirror.MirroredDisk;

/**
 * A disk's mirrors, of which there is one at a time, and what a mirror needs of the disk.
 * <p>Thread: any; {@code attach}, an I/O thread of the disk.
 */
final class DiskMirror implements MirroredDisk {

    private final VirtioBlockDevice device;
    private final DiskControl control;
    private volatile MirrorJob job;
    /** The running mirror's. */
    private volatile BlockStage stage;

    DiskMirror(VirtioBlockDevice device, DiskControl control) {
        this.device = device;
        this.control = control;
    }

    synchronized MirrorJob start(MirrorTarget target, MirrorConfig config, MirrorListener listener) {
        String why = job != null && !job.state().isEnd() ? "it is being mirrored to " + job.target() + "; end that first"
            : control.backend().isReadOnly() ? "nothing writes to it, as it is read-only; copy its image instead" : null;
        if (why != null) {
            target.close();
            throw new MirrorException("drive " + id() + ": mirror to " + target + ": " + why);
        }
        job = MirrorJob.start(this, target, config, listener);
        return job;
    }

    MirrorJob job() {
        return job;
    }

    /** Ends it, before the disk ends; answers whether nothing of it is left. */
    boolean end() {
        MirrorJob last = job;
        if (last != null) {
            last.cancel();
        }
        return last == null || last.isReleased();
    }

    /** Where a stage goes that is to be next to the image: nothing comes behind the mirror. */
    int lastIndex(DiskChain chain) {
        int mirror = chain.stages().indexOf(stage);
        return mirror < 0 ? chain.stages().size() : mirror;
    }

    /** Refuses what would pull the ground away from under a mirror. */
    void check(DiskChain chain) {
        MirrorJob last = job;
        boolean runs = stage != null && (last == null || !last.state().isEnd());
        if (runs && (chain.backend() != control.backend() || lastIndex(chain) != chain.stages().size() - 1)) {
            throw new IllegalStateException("drive " + id() + ": is being mirrored; end that first");
        }
    }

    @Override
    public String id() {
        return device.id();
    }

    @Override
    public long byteSize() {
        return control.backend().byteSize();
    }

    @Override
    public IoThread thread() {
        return device.thread();
    }

    @Override
    public BlockFile rawFile() {
        return control.backend() instanceof RawBackend raw ? raw.file() : null;
    }

    @Override
    public LinkOptions linkOptions(IoMemory memory, int depth) {
        return new LinkOptions(memory, depth, false, LinkOptions.engineCounters(), device.options().engine());
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return control.backend().attach(thread, options);
    }

    @Override
    public void insert(BlockStage added) {
        control.reconfigure(chain -> chain.stages().add(added));
        stage = added;
    }

    @Override
    public void remove(BlockStage removed, Runnable still, MirrorTarget successor) {
        control.reconfigure(chain -> {
            still.run();
            chain.stages().remove(removed);
            if (successor != null) {
                chain.setBackend(backend(successor, byteSize()));
            }
        });
        stage = null;
    }

    private static BlockBackend backend(MirrorTarget target, long byteSize) {
        return target instanceof MirrorTarget.OfFile image
            ? new RawBackend(image.file(), byteSize) : new TargetBackend(target, byteSize);
    }

    /** A target of somebody's own. */
    private record TargetBackend(MirrorTarget target, long byteSize) implements BlockBackend {

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
