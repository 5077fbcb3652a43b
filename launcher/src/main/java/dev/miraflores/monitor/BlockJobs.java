// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorState;
import dev.miraflores.linux.Landlock;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.FileReason;
import dev.miraflores.monitor.json.Json;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Mirrors as QEMU's block jobs. A job is there from its start until its end has been told.
 * <p>Thread: any; what completes or cancels a job waits for it.
 */
public final class BlockJobs {

    private final Disks disks;
    private final BlockNodes nodes;
    private final EventHub events;
    private final Map<String, BlockJob> jobs = new LinkedHashMap<>();

    BlockJobs(Disks disks, BlockNodes nodes, EventHub events) {
        this.disks = disks;
        this.nodes = nodes;
        this.events = events;
    }

    public List<BlockJob> all() {
        synchronized (jobs) {
            List<BlockJob> started = new ArrayList<>(jobs.values());
            started.removeIf(job -> job.mirror() == null);
            return started;
        }
    }

    /** The job of that id. */
    public BlockJob job(String id) {
        synchronized (jobs) {
            BlockJob job = jobs.get(id);
            if (job == null || job.mirror() == null) {
                throw new MonitorException(ErrorClass.DEVICE_NOT_ACTIVE, "Block job '" + id + "' not found");
            }
            return job;
        }
    }

    /** Begins to mirror a disk to a node, which nothing else uses. */
    public BlockJob mirror(MirrorRequest request, String targetName) {
        Drive drive = disks.byDeviceOrNode(request.device());
        BlockNode target = nodes.take(targetName, null);
        boolean started = false;
        try {
            if (!target.isRaw()) {
                throw new MonitorException("Node " + targetName + " is a " + target.driver()
                        + ": a mirror writes a raw image or a block device; use one of those");
            }
            BlockJob job = start(request, drive, target);
            started = true;
            return job;
        } finally {
            if (!started) {
                nodes.endTarget(targetName, null);
            }
        }
    }

    /**
     * Begins to mirror a disk to a file, which gets a node for as long as it is needed.
     *
     * @param create   whether to make the file, unless it is there
     * @param nodeName for it, or null
     */
    public BlockJob mirrorToFile(MirrorRequest request, String file, boolean create, String nodeName) {
        Drive drive = disks.byDeviceOrNode(request.device());
        String name = nodeName;
        for (int number = 0; name == null; number++) {
            name = nodes.contains("#mirror" + number) ? null : "#mirror" + number;
        }
        nodes.add(new BlockNode(name, "raw", drive.config().toBuilder().id(null).format(
                DriveConfig.Format.RAW).backing(List.of()).nullBytes(-1).file(file).build(), null, false));
        try {
            if (create) {
                create(file, drive.status().byteSize());
            }
            return mirror(request, name);
        } catch (RuntimeException e) {
            nodes.forget(name);
            throw e;
        }
    }

    private static void create(String file, long byteSize) {
        try {
            Path path = Path.of(file);
            try {
                Files.createFile(path);
            } catch (FileAlreadyExistsException e) {
                return;                                     // its size is looked at when it is opened
            }
            try (RandomAccessFile made = new RandomAccessFile(path.toFile(), "rw")) {
                made.setLength(byteSize);
            }
        } catch (AccessDeniedException e) {
            throw new MonitorException("Could not create '" + file + "': " + whyDenied(Path.of(file)));
        } catch (IOException e) {
            throw new MonitorException("Could not create '" + file + "': " + FileReason.of(e));
        } catch (InvalidPathException e) {
            throw new MonitorException("Could not create '" + file + "': not a file name: " + e.getReason());
        }
    }

    /** Of a file that is not there the rules of its directory tell. */
    private static String whyDenied(Path file) {
        String directory = file.toAbsolutePath().getParent().toString();
        return Landlock.isRefusing(directory, true)
                ? "outside of the sandbox; start hv with --sandbox-path " + directory + ", or with --sandbox off"
                : "permission denied";
    }

    private BlockJob start(MirrorRequest request, Drive drive, BlockNode target) {
        String id = request.jobId() != null ? request.jobId() : disks.deviceName(drive);
        if (id.isEmpty()) {
            throw new MonitorException("An explicit job ID is required for this node");
        }
        BlockJob job = new BlockJob(id, drive, target.name(), request.speed());
        synchronized (jobs) {
            if (jobs.containsKey(id)) {
                throw new MonitorException("Job ID '" + id + "' already in use");
            }
            jobs.put(id, job);
        }
        // What the job's thread has to say waits until the job is known and its beginning was told.
        synchronized (job) {
            boolean started = false;
            try {
                job.setMirror(drive.mirror(target.drive().file(), request.config(), (mirror, state) -> changed(job, state)));
                started = true;
            } finally {
                if (!started) {
                    forget(job);
                }
            }
            status(job, "created");
            status(job, "running");
        }
        return job;
    }

    private void forget(BlockJob job) {
        synchronized (jobs) {
            jobs.remove(job.id());
        }
    }

    private void changed(BlockJob job, MirrorState state) {
        synchronized (job) {
            if (state == MirrorState.READY) {
                status(job, "ready");
                events.tell("BLOCK_JOB_READY", progress(job));
            } else if (state.isEnd()) {
                end(job, state);
            }
        }
    }

    private void end(BlockJob job, MirrorState state) {
        boolean cancelled = state == MirrorState.CANCELLED;
        boolean failed = state == MirrorState.FAILED;
        status(job, cancelled || failed ? "aborting" : "waiting");
        if (!cancelled && !failed) {
            status(job, "pending");
        }
        nodes.endTarget(job.targetNode(), state == MirrorState.COMPLETED ? job.drive().id() : null);
        nodes.forgetIfUnused(job.targetNode());
        Map<String, Object> data = progress(job);
        if (failed) {
            data.put("error", job.mirror().failure());
        }
        forget(job);
        if (failed) {
            events.tell("BLOCK_JOB_ERROR", Json.object("device", job.id(), "operation", "write", "action", "report"));
        }
        events.tell(cancelled ? "BLOCK_JOB_CANCELLED" : "BLOCK_JOB_COMPLETED", data);
        status(job, "concluded");
        status(job, "null");
    }

    private static Map<String, Object> progress(BlockJob job) {
        return Json.object("type", "mirror", "device", job.id(), "len", job.length(), "offset", job.offset(), "speed", job.speed());
    }

    private void status(BlockJob job, String status) {
        events.tell("JOB_STATUS_CHANGE", Json.object("status", status, "id", job.id()));
    }

    /** The disk goes on with the copy; returns when it does. */
    public void complete(String id) {
        BlockJob job = job(id);
        if (job.isPaused()) {
            throw new MonitorException("The block job for device '" + id + "' is currently paused");
        }
        if (!job.isReady()) {
            throw new MonitorException("Job '" + id + "' in state '" + job.status() + "' cannot accept command verb 'complete'");
        }
        job.mirror().complete();
    }

    /** Ends a job: a ready one with the copy as the disk is now, any other and a forced one with nothing that is of use. */
    public void cancel(String id, boolean force) {
        BlockJob job = job(id);
        if (job.isPaused() && !force) {
            throw new MonitorException("The block job for device '" + id + "' is currently paused");
        }
        MirrorJob mirror = job.mirror();
        if (job.isReady() && !force) {
            mirror.stop();
        } else {
            mirror.cancel();
        }
    }

    /** Copies nothing more until {@link #resume}. */
    public void pause(String id) {
        BlockJob job = job(id);
        if (job.isPaused()) {
            throw new MonitorException("Job '" + id + "' is already paused");
        }
        job.mirror().pause();
        status(job, job.status());
    }

    /** Copies on. */
    public void resume(String id) {
        BlockJob job = job(id);
        if (!job.isPaused()) {
            throw new MonitorException("Can't resume a job that was not paused");
        }
        job.mirror().resume();
        status(job, job.status());
    }

    /** Copies at most that much a second; 0 is any. */
    public void setSpeed(String id, long bytesPerSecond) {
        if (bytesPerSecond < 0) {
            throw new MonitorException("Invalid parameter 'speed'");
        }
        job(id).setSpeed(bytesPerSecond);
    }
}
