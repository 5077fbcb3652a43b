// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.devices.block.ErrorPolicy;
import java.util.List;

/**
 * A disk: what holds its bytes on the host, and how the guest reaches it as a virtio-blk device. Made by {@link #of},
 * {@link #builder} or {@link #parse}; the names and usual values are those of {@code --drive}.
 * <p>Thread: any; it never changes.
 */
public final class DriveConfig {

    /** QEMU's default, too. */
    public static final int DEFAULT_QUEUE_SIZE = 256;
    /** virtio-blk's GET_ID answers with as many bytes (virtio 1.3 §5.2.6). */
    public static final int SERIAL_BYTES = 20;
    /** The unit of a disk's size and, unless it is told otherwise, of its requests. */
    public static final int SECTOR_BYTES = 512;
    /** The largest unit that the guest may be told. */
    public static final int MAX_BLOCK_BYTES = 4096;
    /** What a disk with nothing behind it has, unless it is told: QEMU's null-co does the same. */
    public static final long DEFAULT_NULL_BYTES = 1L << 30;
    static final long NO_BYTES = -1;
    /** Files behind an image: each has tables in memory, and a read may go through all. */
    public static final int MAX_BACKING = 32;
    /** As many queues, and so as many I/O threads, as a disk may have. */
    public static final int MAX_QUEUES = 64;
    /** A thread's usual time to look for work, which is QEMU's. */
    public static final long USUAL_POLL = -1;
    /** The longest a thread may look for work before it sleeps: more is a mistake of units. */
    public static final long MAX_POLL_NS = 1_000_000_000;
    /** What the time to look for work may be multiplied or divided by at once. */
    public static final int MAX_POLL_FACTOR = 1000;

    /** What a drive's file holds. Never guessed from its content, which the guest can write. */
    public enum Format {
        /** The disk's bytes, one after the other. */
        RAW,
        /** An image that grows as it is written. */
        QCOW2,
        /** There is no file: requests succeed and do nothing. */
        NULL;

        /** The word for {@code format=}. */
        @Override
        public String toString() {
            return this == RAW ? "raw" : this == QCOW2 ? "qcow2" : "null";
        }
    }

    /** Frozen: nobody else has it. */
    private final DriveBuilder values;

    DriveConfig(DriveBuilder values) {
        this.values = values;
        if (values.format == Format.NULL && values.nullBytes == NO_BYTES) {
            values.nullBytes = DEFAULT_NULL_BYTES;
        }
        DriveRules.check(this);
    }

    /** A raw, writable disk with QEMU's defaults. */
    public static DriveConfig of(String file) {
        return builder().file(file).build();
    }

    /** Starts from a raw, writable disk with QEMU's defaults, but without a file. */
    public static DriveBuilder builder() {
        return new DriveBuilder();
    }

    /**
     * A disk in the words of QEMU's {@code -drive}: {@code file=disk.img,cache=none}.
     *
     * @throws ConfigException when the text says something that is unknown, wrong, or not built
     */
    public static DriveConfig parse(String text) {
        return DriveOptions.parse(text);
    }

    /** All of this, to be changed. */
    public DriveBuilder toBuilder() {
        return values.copy();
    }

    /** This drive under another id. */
    public DriveConfig withId(String id) {
        return toBuilder().id(id).build();
    }

    /** This drive with another use of the page cache. */
    public DriveConfig withCache(CacheMode cache) {
        return toBuilder().cache(cache).build();
    }

    /** This drive, read-only or not. */
    public DriveConfig withReadOnly(boolean readOnly) {
        return toBuilder().readOnly(readOnly).build();
    }

    /** Its name within the machine, or null for one that the machine makes up. */
    public String id() {
        return values.id;
    }

    /** Path of the file or block device; null with {@link Format#NULL}. */
    public String file() {
        return values.file;
    }

    public Format format() {
        return values.format;
    }

    /**
     * What a qcow2 image takes from where it has nothing of its own, what that takes from, and so on. No file is opened that
     * is not named here, whatever an image says.
     */
    public List<BackingFile> backing() {
        return values.backing;
    }

    /** Bytes on a disk with {@link Format#NULL}, a multiple of 512; −1 for others. */
    public long nullBytes() {
        return values.nullBytes;
    }

    /** How the host's page cache is used. */
    public CacheMode cache() {
        return values.cache;
    }

    /** The engine that has to do its I/O, or null for the best one that there is. */
    public EngineKind aio() {
        return values.aio;
    }

    /** Whether the guest sees a read-only disk; the file is then opened for reading only. */
    public boolean readOnly() {
        return values.readOnly;
    }

    /** What the guest reads as the disk's serial number, at most 20 bytes of ASCII; empty for none. */
    public String serial() {
        return values.serial;
    }

    /** Whether the disk has I/O threads of its own; otherwise it is served by the main loop, and each notification traps. */
    public boolean dataplane() {
        return values.dataplane;
    }

    /** Virtqueues, or 0 for one per virtual CPU. */
    public int queues() {
        return values.queues;
    }

    /** Largest size of each virtqueue, a power of two. */
    public int queueSize() {
        return values.queueSize;
    }

    /** Threads that share the queues. */
    public int ioThreads() {
        return values.ioThreads;
    }

    /** Nanoseconds that a thread may look for work before it sleeps, 0 for not at all, or {@link #USUAL_POLL}. */
    public long pollMaxNs() {
        return values.pollMaxNs;
    }

    /** Whether the guest's discards give space back to the host. */
    public boolean discard() {
        return values.discard;
    }

    /** What that time is multiplied by while waits are short; 0 is 2. */
    public int pollGrow() {
        return values.pollGrow;
    }

    /** What it is divided by after a longer wait; 0 drops it to nothing. */
    public int pollShrink() {
        return values.pollShrink;
    }

    /** Whether a thread of the kernel's takes the requests, which costs a processor while there is work. io_uring only. */
    public boolean sqPoll() {
        return values.sqPoll;
    }

    /** Whether the device is asked for completions instead of interrupting. io_uring and O_DIRECT only. */
    public boolean ioPoll() {
        return values.ioPoll;
    }

    /** Whether the guest is offered packed virtqueues (virtio 1.3 §2.8), beside split ones. */
    public boolean packed() {
        return values.packed;
    }

    /** Whether the guest is offered that requests come back in the order they were made (§2.7.9). */
    public boolean inOrder() {
        return values.inOrder;
    }

    /** What the guest is told to be the unit of its requests, in bytes (VIRTIO_BLK_F_BLK_SIZE). */
    public int logicalBlockBytes() {
        return values.logicalBlockBytes;
    }

    /** What becomes of a read that fails on the host. */
    public ErrorPolicy readErrors() {
        return values.readErrors;
    }

    /** What becomes of any other request that does. */
    public ErrorPolicy writeErrors() {
        return values.writeErrors;
    }

    /** The limits that it starts with. */
    public ThrottleConfig throttle() {
        return values.throttle;
    }

    /** With whom it shares them, or null for nobody. */
    public String throttleGroup() {
        return values.throttleGroup;
    }

    /** Stages in front of the image, the guest's side first. */
    public List<DriveStage> stages() {
        return values.stages;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DriveConfig config && values.list().equals(config.values.list());
    }

    @Override
    public int hashCode() {
        return values.list().hashCode();
    }

    /** All of it that is not as usual, in the words of {@code --drive}. */
    @Override
    public String toString() {
        return DriveText.of(this);
    }
}
