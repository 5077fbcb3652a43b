// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoThreadOptions;
import dev.miraflores.aio.qcow2.BackingFile;
import java.util.ArrayList;
import java.util.List;

/**
 * How a disk is set up; the names and usual values are those of {@code --drive}. Made by a {@link Builder}:
 * <pre>
 *   BlockDeviceConfig.raw("disk0", "disk.img").cache(CacheMode.NONE).queues(4).ioThreads(2).build() </pre>
 * <p>Thread: any; never changes.
 */
public final class BlockDeviceConfig {

    /** What an image is. A raw one is never probed for being anything else. */
    public enum Format {
        /** The file's bytes are the disk's. */
        RAW,
        /** The file says where the disk's bytes are in it. */
        QCOW2,
        /** No file: requests succeed and do nothing. */
        NULL
    }

    /** What becomes of the guest's discards. */
    public enum Discard {
        /** They give room back to the host. */
        UNMAP,
        /** The guest is not told that there are any. */
        IGNORE
    }

    /** One request may have that many buffers: readv(2)'s limit less header and status. */
    public static final int MAX_QUEUE_SIZE = 1024;
    public static final int DEFAULT_QUEUE_SIZE = 256;
    private static final int MIN_QUEUE_SIZE = 2;
    /** Of MSI-X vectors there are 2048 (PCI 3.0 §6.8.2); no guest has more processors that it would want a queue for. */
    public static final int MAX_QUEUES = 256;
    /** How long a disk may take to become still. */
    public static final long DEFAULT_DRAIN_NS = 30_000_000_000L;
    private static final long DEFAULT_NULL_BYTES = 1L << 30;
    private static final int MAX_LOGICAL_BLOCK_BYTES = 4096;

    private final Builder values;

    private BlockDeviceConfig(Builder values) {
        this.values = values;
    }

    /** A raw image, writable, with the usual values: cache=writeback, one queue, and the id as serial number. */
    public static Builder raw(String id, String file) {
        return new Builder(id, Format.RAW).file(file);
    }

    /** A qcow2 image, with the usual values of {@link #raw}, and without a backing file. */
    public static Builder qcow2(String id, String file) {
        return new Builder(id, Format.QCOW2).file(file);
    }

    /** No file at all. */
    public static Builder nothing(String id) {
        return new Builder(id, Format.NULL);
    }

    /** The same values, to be changed. */
    public Builder toBuilder() {
        return new Builder(values);
    }

    /** Unique among the machine's drives. */
    public String id() {
        return values.id;
    }

    /** Path of the image; {@code null} with {@link Format#NULL}. */
    public String file() {
        return values.file;
    }

    public Format format() {
        return values.format;
    }

    /** With {@link Format#QCOW2}: the backing file, its backing file, and so on. None is opened that is not named here. */
    public List<BackingFile> backing() {
        return values.backing;
    }

    public CacheMode cache() {
        return values.cache;
    }

    /** What is to hand requests to the kernel; {@code null} for the best that is to be had. */
    public EngineKind engine() {
        return values.engine;
    }

    /** Whether the guest may not write. */
    public boolean readOnly() {
        return values.readOnly;
    }

    /** What the guest sees as serial number, cut off at 20 bytes. */
    public String serial() {
        return values.serial;
    }

    /** How many queues the guest may use at once. */
    public int queues() {
        return values.queues;
    }

    /** Entries of each queue, a power of two from 2 to 1024. */
    public int queueSize() {
        return values.queueSize;
    }

    /** How many threads of its own it has; queue {@code i} is on thread {@code i % ioThreads}. */
    public int ioThreads() {
        return values.ioThreads;
    }

    /** How its own threads work. */
    public IoThreadOptions thread() {
        return values.thread;
    }

    /** A thread that it shares with others in place of its own, and leaves running; or {@code null}. */
    public IoThread sharedThread() {
        return values.sharedThread;
    }

    public Discard discard() {
        return values.discard;
    }

    /** What becomes of reads that fail on the host. */
    public ErrorPolicy readErrors() {
        return values.readErrors;
    }

    /** What becomes of all others that do. */
    public ErrorPolicy writeErrors() {
        return values.writeErrors;
    }

    /** The stages it begins with, that next to the guest first. */
    public List<BlockStageSource> stages() {
        return values.stages;
    }

    /** Size of a disk with {@link Format#NULL}, a multiple of 512. */
    public long nullBytes() {
        return values.nullBytes;
    }

    /**
     * Whether guest memory that is used for I/O past the page cache is registered with the I/O engine and stays pinned, where
     * the host permits; not for guests whose memory is discarded while they run.
     */
    public boolean registerMemory() {
        return values.registerMemory;
    }

    /** Whether VIRTIO_F_RING_PACKED is offered. */
    public boolean packed() {
        return values.packed;
    }

    /**
     * Whether VIRTIO_F_IN_ORDER is offered. It spares a driver some work, and lets each request wait for all that were made
     * before it.
     */
    public boolean inOrder() {
        return values.inOrder;
    }

    /** What the guest is told to be the unit of its requests, in bytes: a power of two from 512 to 4096. */
    public int logicalBlockBytes() {
        return values.logicalBlockBytes;
    }

    /** The most bytes that one buffer of a request may have (VIRTIO_BLK_F_SIZE_MAX); 0 sets no limit. */
    public int maxSegmentBytes() {
        return values.maxSegmentBytes;
    }

    /** How long it may take to become still, when it is reset, closed or changed, before that is given up. */
    public long drainNs() {
        return values.drainNs;
    }

    /** Makes a {@link BlockDeviceConfig}. */
    public static final class Builder {

        private final String id;
        private final Format format;
        private String file;
        private List<BackingFile> backing = List.of();
        private CacheMode cache = CacheMode.WRITEBACK;
        private EngineKind engine;
        private boolean readOnly;
        private String serial;
        private int queues = 1;
        private int queueSize = DEFAULT_QUEUE_SIZE;
        private int ioThreads = 1;
        private IoThreadOptions thread = IoThreadOptions.DEFAULTS;
        private IoThread sharedThread;
        private Discard discard = Discard.UNMAP;
        private ErrorPolicy readErrors = ErrorPolicy.REPORT;
        private ErrorPolicy writeErrors = ErrorPolicy.ENOSPC;
        private List<BlockStageSource> stages = List.of();
        private long nullBytes = DEFAULT_NULL_BYTES;
        private boolean registerMemory = true;
        private boolean packed = true;
        private boolean inOrder;
        private int logicalBlockBytes = BlockConfigSpace.SECTOR_BYTES;
        private int maxSegmentBytes;
        private long drainNs = DEFAULT_DRAIN_NS;

        private Builder(String id, Format format) {
            this.id = id;
            this.format = format;
            this.serial = id;
        }

        private Builder(Builder other) {
            id = other.id;
            format = other.format;
            file = other.file;
            backing = other.backing;
            cache = other.cache;
            engine = other.engine;
            readOnly = other.readOnly;
            serial = other.serial;
            queues = other.queues;
            queueSize = other.queueSize;
            ioThreads = other.ioThreads;
            thread = other.thread;
            sharedThread = other.sharedThread;
            discard = other.discard;
            readErrors = other.readErrors;
            writeErrors = other.writeErrors;
            stages = other.stages;
            nullBytes = other.nullBytes;
            registerMemory = other.registerMemory;
            packed = other.packed;
            inOrder = other.inOrder;
            logicalBlockBytes = other.logicalBlockBytes;
            maxSegmentBytes = other.maxSegmentBytes;
            drainNs = other.drainNs;
        }

        private Builder file(String path) {
            file = path;
            return this;
        }

        /** Names the files that the image may have the rest of its disk from. */
        public Builder backing(List<BackingFile> files) {
            backing = List.copyOf(files);
            return this;
        }

        public Builder cache(CacheMode mode) {
            cache = mode;
            return this;
        }

        public Builder engine(EngineKind wish) {
            engine = wish;
            return this;
        }

        public Builder readOnly(boolean only) {
            readOnly = only;
            return this;
        }

        public Builder serial(String text) {
            serial = text;
            return this;
        }

        public Builder queues(int count) {
            queues = count;
            return this;
        }

        public Builder queueSize(int entries) {
            queueSize = entries;
            return this;
        }

        public Builder ioThreads(int count) {
            ioThreads = count;
            return this;
        }

        public Builder thread(IoThreadOptions options) {
            thread = options;
            return this;
        }

        /** Uses {@code shared} for all queues, and has no thread of its own: {@code dataplane=off}. */
        public Builder sharedThread(IoThread shared) {
            sharedThread = shared;
            return this;
        }

        public Builder discard(Discard mode) {
            discard = mode;
            return this;
        }

        public Builder readErrors(ErrorPolicy policy) {
            readErrors = policy;
            return this;
        }

        public Builder writeErrors(ErrorPolicy policy) {
            writeErrors = policy;
            return this;
        }

        /** Adds a stage behind those added before: the first is next to the guest. */
        public Builder stage(BlockStageSource source) {
            List<BlockStageSource> more = new ArrayList<>(stages);
            more.add(source);
            stages = List.copyOf(more);
            return this;
        }

        /** Adds a stage that was made already, and is this disk's alone. */
        public Builder stage(BlockStage made) {
            return stage(new Made(made));
        }

        public Builder nullBytes(long bytes) {
            nullBytes = bytes;
            return this;
        }

        public Builder registerMemory(boolean register) {
            registerMemory = register;
            return this;
        }

        public Builder packed(boolean offer) {
            packed = offer;
            return this;
        }

        public Builder inOrder(boolean offer) {
            inOrder = offer;
            return this;
        }

        public Builder logicalBlockBytes(int bytes) {
            logicalBlockBytes = bytes;
            return this;
        }

        public Builder maxSegmentBytes(int bytes) {
            maxSegmentBytes = bytes;
            return this;
        }

        public Builder drainNs(long ns) {
            drainNs = ns;
            return this;
        }

        /** @throws IllegalArgumentException where a value is out of its range, or two do not go together */
        public BlockDeviceConfig build() {
            check(isPowerOfTwo(queueSize, MIN_QUEUE_SIZE, MAX_QUEUE_SIZE), "queue-size=" + queueSize
                + " is not a power of two from " + MIN_QUEUE_SIZE + " to " + MAX_QUEUE_SIZE);
            check(queues >= 1 && queues <= MAX_QUEUES, "queues=" + queues + " is not from 1 to " + MAX_QUEUES);
            check(ioThreads >= 1 && ioThreads <= queues, "iothreads=" + ioThreads
                + (ioThreads < 1 ? " is less than 1" : " is more than it has queues; say queues=" + ioThreads));
            check(nullBytes >= 0 && nullBytes % BlockConfigSpace.SECTOR_BYTES == 0,
                "size " + nullBytes + " is not a multiple of 512");
            check(isPowerOfTwo(logicalBlockBytes, BlockConfigSpace.SECTOR_BYTES, MAX_LOGICAL_BLOCK_BYTES),
                "logical block of " + logicalBlockBytes + " bytes: 512, 1024, 2048 and 4096 are possible");
            check(maxSegmentBytes == 0 || maxSegmentBytes >= MAX_LOGICAL_BLOCK_BYTES,
                "segments of at most " + maxSegmentBytes + " bytes: no less than 4096 is possible");
            check(readErrors != ErrorPolicy.ENOSPC, "rerror=enospc: no read needs room; use stop, report or ignore");
            check(drainNs > 0, "drain time of " + drainNs + " ns");
            check(stages.size() <= BlockStage.MAX_STAGES, stages.size() + " stages; use " + BlockStage.MAX_STAGES + " at most");
            check(format != Format.QCOW2 || ioThreads == 1, "iothreads=" + ioThreads
                + ": a qcow2 image is served by one thread; use iothreads=1, with as many queues as you like");
            check(format == Format.QCOW2 || backing.isEmpty(), "backing="
                + (backing.isEmpty() ? "" : backing.getFirst().path()) + ": only format=qcow2 has a backing file");
            check(format == Format.NULL || file != null, "no file; say file=PATH");
            return new BlockDeviceConfig(new Builder(this));
        }

        private static boolean isPowerOfTwo(int value, int min, int max) {
            return value >= min && value <= max && Integer.bitCount(value) == 1;
        }

        private void check(boolean holds, String otherwise) {
            if (!holds) {
                throw new IllegalArgumentException("drive " + id + ": " + otherwise);
            }
        }
    }

    private record Made(BlockStage stage) implements BlockStageSource {
        @Override
        public BlockStage open(String driveId, long byteSize, boolean readOnly) {
            return stage;
        }
    }
}
