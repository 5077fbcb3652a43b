// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.dirty;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockReturn;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;

/**
 * Keeps a {@link DirtyBitmap} of what the guest writes, for backups that hold only what has changed since the last one.
 * Writes, zeroes and discards are marked when they start, so that what is in flight counts as written, and again when they
 * have ended, so that a map that was cleared in between has them too; whether they succeed does not matter, as one that
 * failed may have written a part.
 * <p>A backup: {@link #enable}, copy the whole disk; from then on, each time, {@link DirtyBitmap#take} and copy what is
 * dirty in what it answers. If that backup comes to nothing, {@link DirtyBitmap#merge} puts the marks back.
 * <p>Thread: any. Marking neither locks nor allocates.
 */
public final class DirtyStage implements BlockStage {

    private final DirtyBitmap bitmap;
    private volatile boolean enabled;

    /**
     * Enabled, with nothing dirty.
     *
     * @param byteSize    of the disk
     * @param granularity bytes that one bit stands for, a power of two from 512 to 64 MiB
     */
    public DirtyStage(long byteSize, int granularity) {
        this.bitmap = new DirtyBitmap(byteSize, granularity);
        this.enabled = true;
    }

    /** What is dirty; changes while the guest writes. */
    public DirtyBitmap bitmap() {
        return bitmap;
    }

    /** Marks from now on, and also what is in flight. */
    public void enable() {
        enabled = true;
    }

    /** Marks nothing from now on. What is dirty stays so. */
    public void disable() {
        enabled = false;
    }

    public boolean isEnabled() {
        return enabled;
    }

    private void mark(BlockIo io) {
        if (enabled) {
            bitmap.set(io.offset(), io.byteCount());
        }
    }

    @Override
    public BlockLink attach(IoThread thread, BlockLink next, LinkOptions options) {
        return new Link(next);
    }

    /** What a disk that was made shorter has lost, and what one that was made longer has gained, has changed. */
    @Override
    public void onResize(long byteSize) {
        long known = bitmap.byteSize();
        bitmap.set(Math.min(byteSize, known), Math.abs(byteSize - known));
    }

    @Override
    public void close() {
    }

    private final class Link implements BlockLink, BlockReturn {
        private final BlockLink next;

        Link(BlockLink next) {
            this.next = next;
        }

        @Override
        public void submit(BlockIo io) {
            if (io.operation() != Operation.READ && io.operation() != Operation.FLUSH) {
                mark(io);
                io.onReturn(this);
            }
            next.submit(io);
        }

        @Override
        public void onReturn(BlockIo io, int result) {
            // Before the guest knows that it is done.
            mark(io);
            io.complete(result);
        }

        @Override
        public void close() {
        }
    }
}
