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
import java.util.ArrayList;
import java.util.List;

/**
 * A disk's mirrors, of which there is one at a time, and what a mirror needs of the disk.
 * <p>Thread: any; {@code attach}, an I/O thread of the disk.
 */
final class DiskMirror implements MirroredDisk {

    private final VirtioBlockDevice device;
    private final DiskControl control;
    private volatile MirrorJob job;
    /** That of the mirror that was put in last: it is among the disk's stages, or gone. */
    private volatile BlockStage stage;
    private volatile boolean starting;
    /** Those before the last that have something open yet. Guarded by this. */
    private final List<MirrorJob> unreleased = new ArrayList<>();
    /** The disk ends. Guarded by this. */
    private boolean ended;

    DiskMirror(VirtioBlockDevice device, DiskControl control) {
        this.device = device;
        this.control = control;
    }

    synchronized MirrorJob start(MirrorTarget target, MirrorConfig config, MirrorListener listener) {
        String why = ended ? "it is closed"
            : job != null && !job.state().isEnd() ? "it is being mirrored to " + job.target() + "; end that first"
            : control.backend().isReadOnly() ? "nothing writes to it, as it is read-only; copy its image instead" : null;
        if (why != null) {
            target.close();
            throw new MirrorException("drive " + id() + ": mirror to " + target + ": " + why);
        }
        starting = true;
        try {
            MirrorJob started = MirrorJob.start(this, target, config, listener);
            unreleased.removeIf(MirrorJob::isReleased);
            if (job != null && !job.isReleased()) {
                unreleased.add(job);
            }
            job = started;
            return started;
        } finally {
            starting = false;
        }
    }

    MirrorJob job() {
        return job;
    }

    /** Ends it, before the disk ends, and lets none begin; answers whether nothing of any is left. */
    boolean end() {
        MirrorJob last;
        List<MirrorJob> all;
        synchronized (this) { // one that is about to begin has begun then
            ended = true;
            last = job;
            all = new ArrayList<>(unreleased);
        }
        if (last != null) {
            last.cancel(); // without the lock, which its listener may want
            all.add(last);
        }
        return all.stream().allMatch(MirrorJob::isReleased);
    }

    /** Where a stage goes that is to be next to the image: nothing comes behind the mirror. */
    int lastIndex(DiskChain chain) {
        int mirror = chain.stages().indexOf(stage);
        return mirror < 0 ? chain.stages().size() : mirror;
    }

    /** Refuses what would pull the ground away from under a mirror. */
    void check(DiskChain chain) {
        MirrorJob last = job;
        BlockStage mirror = stage;
        boolean runs = mirror != null && control.stages().contains(mirror)
            && (starting || last == null || !last.state().isEnd());
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
        control.reconfigure(chain -> {
            chain.stages().add(added);
            stage = added; // before anybody else's change
        });
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
