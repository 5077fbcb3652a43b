// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.dirty.DirtyBitmap;
import java.util.concurrent.locks.LockSupport;

/**
 * What all threads of a mirror share.
 * <p>Thread: any.
 */
final class MirrorCore {

    /** What links do with what the guest writes. */
    enum Mode {
        /** It goes to the source, and is marked. */
        TRACK,
        /** It goes to both. */
        SYNC,
        /** It goes to the source, and that is all. */
        OFF
    }

    private static final int CHECKS_PER_TIMEOUT = 8;

    final String name;
    final MirroredDisk disk;
    final MirrorTarget target;
    final MirrorConfig config;
    final long byteSize;
    final DirtyBitmap bitmap;
    final RangeLocks locks = new RangeLocks();
    /** How often it is looked whether the target still answers. */
    final long checkNs;

    private final long unitMask;
    private volatile Mode mode = Mode.TRACK;
    private volatile String failure;
    /** The job's own, to be woken. */
    private volatile Thread thread;

    MirrorCore(MirroredDisk disk, MirrorTarget target, MirrorConfig config) {
        this.name = "drive " + disk.id() + ": mirror to " + target;
        this.disk = disk;
        this.target = target;
        this.config = config;
        this.byteSize = disk.byteSize();
        this.bitmap = new DirtyBitmap(byteSize, config.granularity());
        this.unitMask = Math.max(target.writeUnitBytes(), sourceUnitBytes(disk.rawFile())) - 1L;
        this.checkNs = Math.max(1, config.targetTimeoutNs() / CHECKS_PER_TIMEOUT);
        bitmap.setAll();
    }

    private static int sourceUnitBytes(BlockFile file) {
        return file == null || file.directAlignment() == null ? 1 : file.directAlignment().offsetBytes();
    }

    Mode mode() {
        return mode;
    }

    /** From now on what the guest writes goes to both; requests that are under way are not. */
    synchronized void beginSync() {
        if (mode == Mode.TRACK) {
            mode = Mode.SYNC;
        }
    }

    /** From now on the guest's requests are none of the mirror's business, and none waits for another. */
    void end() {
        synchronized (this) {
            mode = Mode.OFF;
        }
        locks.abolish();
        wake();
    }

    /** Ends it for a reason; the first one counts. */
    void fail(String reason) {
        synchronized (this) {
            if (mode == Mode.OFF) {
                return;
            }
            failure = name + ": " + reason;
        }
        end();
    }

    /** The guest has nothing to do with it any more, and now it has failed. */
    synchronized void failLate(String reason) {
        if (failure == null) {
            failure = name + ": " + reason;
        }
    }

    /** Why it failed, in one line; or {@code null}. */
    String failure() {
        return failure;
    }

    /** Whether a request that has seen {@code ticks} checks has had its time. */
    boolean isOverdue(int ticks) {
        return ticks > CHECKS_PER_TIMEOUT;
    }

    /** The target has not answered for too long. */
    void failOverdue(String what) {
        fail(what + " has not completed within " + config.targetTimeoutNs() / 1_000_000 + " ms");
    }

    void setThread(Thread job) {
        thread = job;
    }

    /** Something has happened that the job's thread may wait for. */
    void wake() {
        LockSupport.unpark(thread);
    }

    /** Where the units begin that a write from {@code offset} on touches. */
    long unitStart(long offset) {
        return offset & ~unitMask;
    }

    /** Where the units end that a write up to {@code end} touches. */
    long unitEnd(long end) {
        return end + unitMask & ~unitMask;
    }
}
