// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorProgress;
import dev.miraflores.aio.mirror.MirrorState;
import dev.miraflores.machine.Drive;

/**
 * A mirror under way, as QMP sees it.
 * <p>Thread: any.
 */
public final class BlockJob {

    private final String id;
    private final Drive drive;
    private final String targetNode;
    private volatile MirrorJob mirror;
    private volatile long speed;

    BlockJob(String id, Drive drive, String targetNode, long speed) {
        this.id = id;
        this.drive = drive;
        this.targetNode = targetNode;
        this.speed = speed;
    }

    public String id() {
        return id;
    }

    public Drive drive() {
        return drive;
    }

    String targetNode() {
        return targetNode;
    }

    void setMirror(MirrorJob started) {
        mirror = started;
    }

    public MirrorJob mirror() {
        return mirror;
    }

    /** Bytes per second at most; 0 for any. */
    public long speed() {
        return speed;
    }

    void setSpeed(long bytesPerSecond) {
        mirror.setBytesPerSecond(bytesPerSecond);
        speed = bytesPerSecond;
    }

    public boolean isReady() {
        return mirror.state() == MirrorState.READY;
    }

    public boolean isPaused() {
        return mirror.isPaused();
    }

    /** How much of {@link #length} has been copied. */
    public long offset() {
        return mirror.progress().copiedBytes();
    }

    /** What has been copied and what is left; it grows where the guest writes faster than is copied, as QEMU's does. */
    public long length() {
        MirrorProgress progress = mirror.progress();
        return progress.copiedBytes() + progress.dirtyBytes();
    }

    /** In QEMU's words (JobStatus). */
    public String status() {
        MirrorState state = mirror.state();
        if (state.isEnd()) {
            return "concluded";
        }
        return isPaused() ? isReady() ? "standby" : "paused" : isReady() ? "ready" : "running";
    }
}
