// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.RingFeatures;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A disk, with an I/O thread of its own that no vCPU and no other disk holds up.
 * <p>Thread: as {@link VirtioDevice}; the counters, any.
 * <p>Lifetime: until {@link #close}, which ends the thread and closes the image. The memory of an activation has to stay
 * until the reset that follows it, or the close.
 * <p>Source: virtio 1.3 §5.2.
 */
public final class VirtioBlockDevice implements VirtioDevice {

    static final int F_FLUSH = virtio_abi.VIRTIO_BLK_F_FLUSH;

    private final BlockDeviceConfig options;
    private final IoThread[] threads;
    private final BlockConfigSpace config;
    private final BlockDisk disk;
    private final BlockCounters[] counters;

    private final List<BlockQueue> running = new ArrayList<>();
    private volatile BlockBackend backend;
    private volatile List<BlockStage> stages;
    private volatile BlockEvents events = BlockEvents.NONE;
    private boolean closed;

    private VirtioBlockDevice(
            BlockDeviceConfig options, BlockBackend backend, List<BlockStage> stages, IoThread[] threads) {
        this.options = options;
        this.backend = backend;
        this.stages = stages;
        this.threads = threads;
        this.counters = new BlockCounters[queueCount()];
        for (int i = 0; i < counters.length; i++) {
            counters[i] = new BlockCounters();
        }
        this.config = new BlockConfigSpace(backend, options.queueSize(), queueCount());
        this.disk = new BlockDisk(new LimitedLog(VirtioBlockDevice.class, "drive " + options.id() + ": "), backend, config,
            BlockDisk.idBytes(options.serial()), options.registerMemory());
    }

    /**
     * Opens, checks and locks the image, and starts the I/O thread.
     *
     * @throws DriveException where the image cannot be a disk, or the host has no I/O engine; the message is one line
     */
    public static VirtioBlockDevice open(BlockDeviceConfig options) {
        BlockBackend backend = switch (options.format()) {
            case RAW -> new RawBackend(options.file(), options.cache(), options.readOnly());
            case NULL -> new NullBackend(options.nullBytes(), options.readOnly());
        };
        return open(options, backend);
    }

    /**
     * A disk with something else behind it.
     *
     * @param backend closed with the disk, or at once where this throws
     */
    public static VirtioBlockDevice open(BlockDeviceConfig options, BlockBackend backend) {
        List<BlockStage> stages = new ArrayList<>();
        List<IoThread> threads = new ArrayList<>();
        try {
            for (BlockStageSource source : options.stages()) {
                stages.add(source.open(options.id(), backend.byteSize(), backend.isReadOnly()));
            }
            for (int i = 0; i < options.ioThreads() && options.sharedThread() == null; i++) {
                String name = options.ioThreads() == 1 ? options.id() : options.id() + "." + i;
                threads.add(IoThread.start("io-" + name, options.thread()));
            }
            IoThread[] used = options.sharedThread() == null
                ? threads.toArray(new IoThread[0]) : new IoThread[] {options.sharedThread()};
            return new VirtioBlockDevice(options, backend, List.copyOf(stages), used);
        } catch (RuntimeException | Error e) {
            threads.forEach(IoThread::close);
            stages.forEach(BlockStage::close);
            backend.close();
            throw e;
        }
    }

    /** The drive's id. */
    public String id() {
        return options.id();
    }

    public BlockDeviceConfig options() {
        return options;
    }

    /** Its first I/O thread, which is that of queue 0. */
    public IoThread thread() {
        return threads[0];
    }

    /** The I/O thread of queue {@code index}. */
    public IoThread thread(int index) {
        return threads[index % threads.length];
    }

    /** What is behind it now. */
    public BlockBackend backend() {
        return backend;
    }

    /** The stages before that, that next to the guest first. */
    public List<BlockStage> stages() {
        return stages;
    }

    /** Who is told of what happens to the disk, from now on. */
    public void setEvents(BlockEvents listener) {
        events = listener;
    }

    /**
     * Changes what stands between the queues and the image, while the guest goes on. New requests wait meanwhile; those in
     * flight finish first. Not on an I/O thread.
     * <p>Stages that {@code change} adds become the disk's; those it takes away, and a backend it replaces, are closed.
     *
     * @throws DrainException where what was in flight did not finish in time; nothing has changed then
     */
    public void reconfigure(Reconfiguration change) {
        if (!running.isEmpty()) {
            throw new IllegalStateException("drive " + id() + " runs");
        }
        DiskChain chain = new DiskChain(stages, backend);
        change.apply(chain);
        stages = List.copyOf(chain.stages());
        backend = chain.backend();
    }

    /** Puts a stage next to the image, behind all others. See {@link #reconfigure}. */
    public void insertStage(BlockStage stage) {
        reconfigure(chain -> chain.stages().add(stage));
    }

    /** Puts a stage before the one that has been {@code index}th from the guest. See {@link #reconfigure}. */
    public void insertStage(int index, BlockStage stage) {
        reconfigure(chain -> chain.stages().add(index, stage));
    }

    /** Takes a stage away, and closes it. See {@link #reconfigure}. */
    public void removeStage(BlockStage stage) {
        reconfigure(chain -> chain.stages().remove(stage));
    }

    /** Puts something else behind the disk, and closes what was there. See {@link #reconfigure}. */
    public void replaceBackend(BlockBackend other) {
        reconfigure(chain -> chain.setBackend(other));
    }

    /**
     * Makes the disk larger or smaller, and tells the driver. See {@link #reconfigure}.
     *
     * @param byteSize a multiple of 512
     * @return what it is now: a block device has the size it has
     * @throws DriveException where its image cannot be resized; the message is one line
     */
    public long resize(long byteSize) {
        reconfigure(chain -> { });
        return backend.byteSize();
    }

    /**
     * Takes no new requests until {@link #resume}, and waits for those in flight. Those that failed and are held stay so.
     *
     * @throws DrainException where what was in flight did not finish in time; the disk stays as it was
     */
    public void pause() {
        reconfigure(chain -> { });
    }

    /** Goes on after {@link #pause}, and tries requests anew that failed and are held. */
    public void resume() {
    }

    /** What is in flight now, held requests included. Not on an I/O thread. */
    public List<InFlightRequest> inFlight() {
        return List.of();
    }

    /** What has happened on queue {@code index}, resets included. */
    public BlockCounters counters(int index) {
        return counters[index];
    }

    @Override
    public int deviceId() {
        return virtio_abi.VIRTIO_ID_BLOCK;
    }

    @Override
    public long features() {
        long features = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX;
        features |= bit(virtio_abi.VIRTIO_BLK_F_SEG_MAX) | bit(virtio_abi.VIRTIO_BLK_F_BLK_SIZE);
        features |= bit(virtio_abi.VIRTIO_BLK_F_TOPOLOGY) | bit(F_FLUSH) | bit(virtio_abi.VIRTIO_BLK_F_CONFIG_WCE);
        return backend.isReadOnly() ? features | bit(virtio_abi.VIRTIO_BLK_F_RO) : features;
    }

    private static long bit(int feature) {
        return 1L << feature;
    }

    @Override
    public int queueCount() {
        return 1;
    }

    @Override
    public int maxQueueSize(int index) {
        return options.queueSize();
    }

    @Override
    public int configByteSize() {
        return BlockConfigSpace.BYTES;
    }

    @Override
    public long readConfig(int offset, int byteSize) {
        return config.read(offset, byteSize);
    }

    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        config.write(offset, byteSize, value);
    }

    @Override
    public void activate(VirtioActivation activation) {
        IoMemory memory = ioMemory(activation.memory());
        for (DeviceQueue queue : activation.queues()) {
            if (queue != null) {
                running.add(new BlockQueue(disk, thread(queue.index()), counters[queue.index()], activation, queue, memory));
            }
        }
        for (BlockQueue queue : running) {
            queue.start();
        }
    }

    private static IoMemory ioMemory(GuestMemory memory) {
        List<MemorySegment> segments = new ArrayList<>();
        for (GuestMemoryRegion region : memory.regions()) {
            segments.add(region.segment());
        }
        return IoMemory.of(segments);
    }

    /** Waits until what is in flight has finished: until then the host's kernel may write into guest memory. */
    @Override
    public void reset() {
        for (BlockQueue queue : running) {
            queue.stop();
        }
        running.clear();
        config.reset();
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            reset();
            if (options.sharedThread() == null) {
                for (IoThread thread : threads) {
                    thread.close();
                }
            }
            stages.forEach(BlockStage::close);
            backend.close();
        }
    }
}
