// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.linux.Errno;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * All that happens to a disk beside its requests: start and reset, change, pause, a new size, the end.
 * <p>One at a time, under this object's lock, which no I/O thread takes. Each waits for the I/O threads to do their part, and
 * for requests in flight no longer than the disk's drain time.
 * <p>Thread: any that is none of the disk's I/O threads.
 */
final class DiskControl {

    private final BlockDisk disk;
    private final IoThread[] threads;
    private final BlockCounters[] counters;

    private volatile List<BlockStage> stages;
    private volatile BlockBackend backend;
    private DiskRun run;
    private boolean paused;
    private boolean closed;
    /** Closed, with nothing left open. */
    private boolean ended;
    /** Queues of earlier activations that did not end in time. */
    private volatile List<QueueControl> hung = List.of();

    DiskControl(
            BlockDisk disk, IoThread[] threads, BlockCounters[] counters, List<BlockStage> stages, BlockBackend backend) {
        this.disk = disk;
        this.threads = threads;
        this.counters = counters;
        this.stages = List.copyOf(stages);
        this.backend = backend;
    }

    List<BlockStage> stages() {
        return stages;
    }

    BlockBackend backend() {
        return backend;
    }

    // ---- start and reset

    synchronized void activate(VirtioActivation activation) {
        if (isHung()) {
            activation.events().needsReset();
            return;
        }
        run = new DiskRun(disk, activation);
        List<QueueControl> queues = new ArrayList<>();
        IoMemory memory = ioMemory(activation.memory());
        // What is registered is pinned: a page that is discarded would stay the kernel's, and the guest's would be another.
        boolean register = disk.options.registerMemory() && !activation.memory().isDiscardable();
        DiskRules rules = new DiskRules(backend.byteSize() >>> BlockConfigSpace.SECTOR_SHIFT, backend.isReadOnly(),
            activation.has(virtio_abi.VIRTIO_BLK_F_DISCARD), activation.has(virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES),
            disk.options.discard() == BlockDeviceConfig.Discard.UNMAP);
        for (DeviceQueue queue : activation.queues()) {
            if (queue != null) {
                BlockCounters counted = counters[queue.index()];
                LinkOptions options = new LinkOptions(
                    memory, queue.ring().size(), register, counted.engine(), disk.options.engine());
                IoThread thread = threads[queue.index() % threads.length];
                queues.add(new QueueControl(run, thread, counted, queue, rules, options));
            }
        }
        run.setQueues(queues);
        for (QueueControl queue : queues) {
            queue.start(stages, backend, paused ? BlockQueue.HELD_BY_PAUSE : 0);
        }
    }

    private static IoMemory ioMemory(GuestMemory memory) {
        List<MemorySegment> segments = new ArrayList<>();
        for (GuestMemoryRegion region : memory.regions()) {
            segments.add(region.segment());
        }
        return IoMemory.of(segments);
    }

    synchronized void reset() {
        if (run != null) {
            stopRun();
            run = null;
        }
    }

    private void stopRun() {
        List<QueueControl> late = run.stop(disk.options.drainNs());
        if (!late.isEmpty()) {
            disk.log.log(System.Logger.Level.ERROR, "gave up waiting for what is in flight, and is of no use until it has"
                + " finished: " + DiskRun.list(DiskRun.inFlight(late)));
            List<QueueControl> all = new ArrayList<>(hung);
            all.addAll(late);
            hung = List.copyOf(all);
        }
    }

    boolean isHung() {
        for (QueueControl queue : hung) {
            if (!queue.isReleased()) {
                return true;
            }
        }
        return false;
    }

    List<InFlightRequest> inFlight() {
        List<QueueControl> all = new ArrayList<>(hung);
        synchronized (this) {
            if (run != null) {
                all.addAll(run.queues());
            }
        }
        all.removeIf(QueueControl::isReleased);
        return DiskRun.inFlight(all);
    }

    // ---- change

    synchronized void reconfigure(Reconfiguration change) {
        hold(BlockQueue.HELD_FOR_CHANGE, "be changed");
        try {
            DiskChain chain = new DiskChain(stages, backend);
            change.apply(chain);
            install(List.copyOf(chain.stages()), chain.backend());
        } finally {
            letGo(BlockQueue.HELD_FOR_CHANGE);
        }
    }

    /** Nothing is in flight afterwards, and nothing new comes; or throws, with all as it was. */
    private void hold(int reason, String purpose) {
        checkUsable();
        if (run == null) {
            return;
        }
        if (run.isFailed()) {
            stopRun(); // what has failed is not asked to become still: it is ended
            checkUsable();
        } else if (!run.hold(reason, disk.options.drainNs())) {
            List<InFlightRequest> inFlight = DiskRun.inFlight(run.queues());
            run.letGo(reason);
            throw new DrainException("drive " + disk.options.id() + " cannot " + purpose + ": in flight for too long: "
                + DiskRun.list(inFlight));
        }
    }

    private void letGo(int reason) {
        if (run != null) {
            run.letGo(reason);
        }
    }

    private void checkUsable() {
        if (closed) {
            throw new IllegalStateException("drive " + disk.options.id() + " is closed");
        }
        if (isHung()) {
            throw new DrainException("drive " + disk.options.id() + " is of no use: " + DiskRun.list(DiskRun.inFlight(hung)));
        }
        for (IoThread thread : threads) {
            if (thread.isCurrent()) {
                throw new IllegalStateException("not on I/O thread " + thread.name() + ", which this waits for");
            }
        }
    }

    private void install(List<BlockStage> newStages, BlockBackend newBackend) {
        List<BlockStage> oldStages = stages;
        BlockBackend oldBackend = backend;
        if (newStages.equals(oldStages) && newBackend == oldBackend) {
            return;
        }
        if (newBackend.isReadOnly() != oldBackend.isReadOnly()) {
            throw new IllegalArgumentException("drive " + disk.options.id() + ": what replaces its image is "
                + (newBackend.isReadOnly() ? "read-only" : "writable") + ", unlike it");
        }
        if (newStages.size() > BlockStage.MAX_STAGES) {
            throw new IllegalArgumentException("drive " + disk.options.id() + ": " + newStages.size() + " stages, where a disk"
                + " has " + BlockStage.MAX_STAGES + " at most; take one away first");
        }
        relink(newStages, newBackend);
        stages = newStages;
        backend = newBackend;
        if (newBackend.byteSize() != oldBackend.byteSize()) {
            announceSize();
        }
        for (BlockStage stage : oldStages) {
            if (!newStages.contains(stage)) {
                stage.close();
            }
        }
        if (newBackend != oldBackend) {
            oldBackend.close();
        }
    }

    private void relink(List<BlockStage> newStages, BlockBackend newBackend) {
        if (run == null) {
            return;
        }
        try {
            for (QueueControl queue : run.queues()) {
                queue.relink(newStages, newBackend);
            }
        } catch (RuntimeException | Error e) {
            relinkAsBefore(e);
            throw e;
        }
    }

    private void relinkAsBefore(Throwable why) {
        try {
            for (QueueControl queue : run.queues()) {
                queue.relink(stages, backend);
            }
        } catch (RuntimeException | Error again) {
            again.addSuppressed(why);
            run.fail("a change failed, and going back failed; the disk needs a reset", again);
        }
    }

    // ---- size

    synchronized long resize(long byteSize) {
        if (byteSize <= 0 || byteSize % disk.options.logicalBlockBytes() != 0) {
            throw new IllegalArgumentException("drive " + disk.options.id() + ": size " + byteSize + " is not a multiple of "
                + disk.options.logicalBlockBytes() + "; use one, above 0");
        }
        hold(BlockQueue.HELD_FOR_CHANGE, "be resized");
        try {
            long before = backend.byteSize();
            long now = backend.resize(byteSize);
            if (now != before) {
                announceSize();
            }
            return now;
        } finally {
            letGo(BlockQueue.HELD_FOR_CHANGE);
        }
    }

    private void announceSize() {
        long byteSize = backend.byteSize();
        for (BlockStage stage : stages) {
            stage.onResize(byteSize);
        }
        if (run == null) {
            disk.config.setByteSize(byteSize);
        } else {
            for (QueueControl queue : run.queues()) {
                queue.setByteSize(byteSize);
            }
            run.activation().events().changeConfig(() -> disk.config.setByteSize(byteSize));
        }
        disk.resized(byteSize);
    }

    // ---- cache

    /**
     * Makes durable what was cached, for a driver that counts on it without a flush of its own from now on, as Linux does when
     * its write cache is switched off. Answers whether it is.
     */
    synchronized boolean flush() {
        if (run == null || run.queues().isEmpty()) {
            return true;
        }
        try {
            hold(BlockQueue.HELD_FOR_CHANGE, "switch its cache off"); // a write under way is cached too
        } catch (RuntimeException e) {
            disk.log.log(System.Logger.Level.WARNING, e.getMessage());
            return false;
        }
        try {
            List<QueueControl> queues = run.queues();
            int result = queues.isEmpty() ? 0 : queues.getFirst().flush(disk.options.drainNs());
            if (result != 0) {
                disk.log.log(System.Logger.Level.WARNING, "its cache stays on: flush failed: " + Errno.name(-result));
            }
            return result == 0;
        } finally {
            letGo(BlockQueue.HELD_FOR_CHANGE);
        }
    }

    // ---- pause

    synchronized void pause() {
        if (!paused) {
            hold(BlockQueue.HELD_BY_PAUSE, "pause");
            paused = true;
        }
    }

    synchronized void resume() {
        paused = false;
        if (run != null) {
            run.letGo(BlockQueue.HELD_BY_PAUSE);
            for (QueueControl queue : run.queues()) {
                queue.retryHeld();
            }
        }
    }

    // ---- end

    /**
     * Once more does nothing, or what could not be done before.
     *
     * @param threadsCanEnd false where something is in flight there that may never complete
     */
    synchronized void close(boolean threadsCanEnd) {
        if (ended) {
            return;
        }
        closed = true;
        reset();
        if (isHung()) {
            // Threads, stages and image stay as they are: something still uses them.
            throw new MemoryInUseException("drive " + disk.options.id() + " was given up, and may yet write into guest memory: "
                + DiskRun.list(DiskRun.inFlight(hung)));
        }
        ended = true;
        if (disk.options.sharedThread() == null && threadsCanEnd) {
            for (IoThread thread : threads) {
                thread.close();
            }
        }
        for (BlockStage stage : stages) {
            stage.close();
        }
        backend.close();
    }
}
