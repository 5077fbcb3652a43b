// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

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
    private final BlockBackend backend;
    private final IoThread thread;
    private final BlockConfigSpace config;
    private final BlockDisk disk;
    private final BlockCounters[] counters;

    private final List<BlockQueue> running = new ArrayList<>();
    private boolean closed;

    private VirtioBlockDevice(BlockDeviceConfig options, BlockBackend backend, IoThread thread) {
        this.options = options;
        this.backend = backend;
        this.thread = thread;
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
        try {
            return new VirtioBlockDevice(options, backend, IoThread.start("io-" + options.id(), options.thread()));
        } catch (RuntimeException | Error e) {
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

    /** Its I/O thread, for its counters and its polling time. */
    public IoThread thread() {
        return thread;
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
                running.add(new BlockQueue(disk, thread, counters[queue.index()], activation, queue, memory));
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
            thread.close();
            backend.close();
        }
    }
}
