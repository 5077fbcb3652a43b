// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineChoice;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.mirror.MirrorConfig;
import dev.miraflores.aio.mirror.MirrorException;
import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorListener;
import dev.miraflores.aio.mirror.MirrorTarget;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.block.BlockDeviceConfig.Discard;
import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.devices.virtio.MemoryInUseException;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.List;

/**
 * A disk, with I/O threads of its own that no vCPU and no other disk holds up.
 * <p>What stands between its queues and its image can be changed while it runs, see {@link #reconfigure}; so can its size, and
 * it can be held still. {@link DiskControl} does all of that.
 * <p>Thread: as {@link Disk}, and any that is none of its I/O threads for all the rest: calls wait for one another.
 * The counters, any.
 * <p>Lifetime: until {@link #close}, which ends its threads and closes its stages and its image. The memory of an activation
 * has to stay until the reset that follows it, or the close; where that throws {@link MemoryInUseException}, for ever.
 * <p>Source: virtio 1.3 §5.2.
 */
public final class VirtioBlockDevice implements Disk {

    static final int F_FLUSH = virtio_abi.VIRTIO_BLK_F_FLUSH;

    private final BlockDeviceConfig options;
    private final EngineChoice engine;
    private final IoThread[] threads;
    private final BlockConfigSpace config;
    private final BlockDisk disk;
    private final BlockCounters[] counters;
    private final DiskControl control;
    private final DiskMirror mirror;
    private final long features;

    VirtioBlockDevice(
            BlockDeviceConfig options, EngineChoice engine, BlockBackend backend, List<BlockStage> stages,
            IoThread[] threads) {
        this.options = options;
        this.engine = engine;
        this.threads = threads;
        this.counters = new BlockCounters[options.queues()];
        for (int i = 0; i < counters.length; i++) {
            counters[i] = new BlockCounters();
        }
        this.config = new BlockConfigSpace(backend, options);
        this.disk = new BlockDisk(this, options, config);
        this.control = new DiskControl(disk, threads, counters, stages, backend);
        this.mirror = new DiskMirror(this, control);
        this.features = features(backend.isReadOnly());
    }

    /**
     * Opens, checks and locks the image, and starts the I/O threads.
     *
     * @throws DriveException where the image cannot be a disk, or the host has no I/O engine; the message is one line
     */
    public static VirtioBlockDevice open(BlockDeviceConfig options) {
        return open(options, BlockBackends.open(options));
    }

    /**
     * A disk with something else behind it.
     *
     * @param backend closed with the disk, or at once where this throws
     */
    public static VirtioBlockDevice open(BlockDeviceConfig options, BlockBackend backend) {
        return BlockBackends.start(options, backend);
    }

    @Override
    public String id() {
        return options.id();
    }

    public BlockDeviceConfig options() {
        return options;
    }

    /** What its image's I/O is done with, and why with nothing better. */
    public EngineChoice engine() {
        return engine;
    }

    /** Its first I/O thread, which is that of queue 0. */
    public IoThread thread() {
        return threads[0];
    }

    /** The I/O thread of queue {@code index}. */
    public IoThread thread(int index) {
        return threads[index % threads.length];
    }

    /** All of its I/O threads, or the one that it shares. */
    public List<IoThread> threads() {
        return List.of(threads);
    }

    /** What is behind it now. */
    public BlockBackend backend() {
        return control.backend();
    }

    /** The stages before that, that next to the guest first. */
    public List<BlockStage> stages() {
        return control.stages();
    }

    /** What has happened on queue {@code index}, resets included. */
    public BlockCounters counters(int index) {
        return counters[index];
    }

    /** Who is told of what happens to the disk, from now on. */
    public void setEvents(BlockEvents listener) {
        disk.setEvents(listener);
    }

    /** What is in flight now, held requests included, as far as its threads tell. */
    public List<InFlightRequest> inFlight() {
        return control.inFlight();
    }

    /**
     * Changes what stands between the queues and the image, while the guest goes on. New requests wait meanwhile; those in
     * flight finish first.
     * <p>Stages that {@code change} adds become the disk's; those it takes away, and a backend it replaces, are closed. A
     * backend of another size gives the disk that size.
     *
     * @throws DrainException where what was in flight did not finish in time; nothing has changed then
     * @throws RuntimeException what {@code change} or attaching throws; the disk goes on as it was
     */
    public void reconfigure(Reconfiguration change) {
        control.reconfigure(chain -> {
            change.apply(chain);
            mirror.check(chain);
        });
    }

    /** Puts a stage next to the image, behind all others. See {@link #reconfigure}. */
    public void insertStage(BlockStage stage) {
        reconfigure(chain -> chain.stages().add(mirror.lastIndex(chain), stage));
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
     * Begins to mirror the disk to {@code target}, behind all of its stages, while the guest goes on. See {@link #reconfigure}.
     * The mirror ends when the disk is resized or closed; its image is not replaced meanwhile.
     *
     * @param target closed when the mirror ends, unless it is the disk's then; or at once where this throws
     * @throws MirrorException where it cannot be the disk's mirror, or the disk has one; the message is one line
     * @throws DrainException  where what was in flight did not finish in time
     */
    public MirrorJob mirror(MirrorTarget target, MirrorConfig how, MirrorListener listener) {
        return mirror.start(target, how, listener);
    }

    /** The mirror that began last, or {@code null}. */
    public MirrorJob mirrorJob() {
        return mirror.job();
    }

    /**
     * Makes the disk larger or smaller, and tells the driver. What is in flight finishes first, as in {@link #reconfigure}.
     *
     * @param byteSize a multiple of 512
     * @return what it is now: a block device has the size it has
     * @throws DriveException where its image cannot be resized; the message is one line
     */
    public long resize(long byteSize) {
        return control.resize(byteSize);
    }

    /**
     * Takes no new requests until {@link #resume}, and waits for those in flight. Those that failed and are held stay so.
     *
     * @throws DrainException where what was in flight did not finish in time; the disk then goes on
     */
    @Override
    public void pause() {
        control.pause();
    }

    /** Goes on after {@link #pause}, and tries requests anew that failed and are held. */
    @Override
    public void resume() {
        control.resume();
    }

    @Override
    public int deviceId() {
        return virtio_abi.VIRTIO_ID_BLOCK;
    }

    @Override
    public long features() {
        return features;
    }

    private long features(boolean readOnly) {
        long all = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX;
        all |= options.packed() ? RingFeatures.RING_PACKED : 0;
        all |= options.inOrder() ? RingFeatures.IN_ORDER : 0;
        all |= bit(virtio_abi.VIRTIO_BLK_F_SEG_MAX) | bit(virtio_abi.VIRTIO_BLK_F_GEOMETRY);
        all |= options.maxSegmentBytes() == 0 ? 0 : bit(virtio_abi.VIRTIO_BLK_F_SIZE_MAX);
        all |= bit(virtio_abi.VIRTIO_BLK_F_BLK_SIZE) | bit(virtio_abi.VIRTIO_BLK_F_TOPOLOGY);
        all |= bit(F_FLUSH) | bit(virtio_abi.VIRTIO_BLK_F_CONFIG_WCE);
        all |= options.queues() > 1 ? bit(virtio_abi.VIRTIO_BLK_F_MQ) : 0;
        if (readOnly) {
            return all | bit(virtio_abi.VIRTIO_BLK_F_RO);
        }
        all |= options.discard() == Discard.UNMAP ? bit(virtio_abi.VIRTIO_BLK_F_DISCARD) : 0;
        return all | bit(virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES);
    }

    private static long bit(int feature) {
        return 1L << feature;
    }

    @Override
    public int queueCount() {
        return options.queues();
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
        boolean switchesOff = config.isSwitchingOff(offset, byteSize, value);
        config.write(offset, byteSize, value);
        if (switchesOff && !control.flush()) {
            config.write(offset, byteSize, 1); // which the driver reads back
        }
    }

    @Override
    public void activate(VirtioActivation activation) {
        if (activation.has(virtio_abi.VIRTIO_BLK_F_CONFIG_WCE) && !activation.has(F_FLUSH)) {
            config.beginWriteThrough();
        }
        control.activate(activation);
    }

    /**
     * Waits until what is in flight has finished: until then the host's kernel may write into guest memory. Where that takes
     * longer than {@link BlockDeviceConfig#drainNs}, gives up: {@link #isHung}.
     */
    @Override
    public void reset() {
        control.reset();
        config.reset();
    }

    @Override
    public boolean isHung() {
        return control.isHung();
    }

    @Override
    public void close() {
        control.close(mirror.end());
    }
}
