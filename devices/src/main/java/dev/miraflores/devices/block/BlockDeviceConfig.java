// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.IoThreadOptions;

/**
 * How a disk is set up; the names and usual values are those of {@code --drive}.
 *
 * @param id             unique among the machine's drives
 * @param file           path of the image; {@code null} with {@link Format#NULL}
 * @param format         what the image is
 * @param cache          what is held where, and for how long
 * @param readOnly       whether the guest may not write
 * @param serial         what the guest sees as serial number, cut off at 20 bytes
 * @param queueSize      entries of each queue, a power of two from 2 to 1024
 * @param nullBytes      size of a disk with {@link Format#NULL}, a multiple of 512
 * @param registerMemory whether guest memory that is used for I/O past the page cache is registered with the I/O engine and
 *                       stays pinned, where the host permits; not for guests whose memory is discarded while they run
 * @param thread         how its I/O thread polls
 */
public record BlockDeviceConfig(
        String id, String file, Format format, CacheMode cache, boolean readOnly, String serial, int queueSize,
        long nullBytes, boolean registerMemory, IoThreadOptions thread) {

    /** What an image is. A raw one is never probed for being anything else. */
    public enum Format {
        /** The file's bytes are the disk's. */
        RAW,
        /** No file: requests succeed and do nothing. */
        NULL
    }

    /** One request may have that many buffers: readv(2)'s limit less header and status. */
    public static final int MAX_QUEUE_SIZE = 1024;
    public static final int DEFAULT_QUEUE_SIZE = 256;
    private static final int MIN_QUEUE_SIZE = 2;
    private static final long DEFAULT_NULL_BYTES = 1L << 30;

    public BlockDeviceConfig {
        if (queueSize < MIN_QUEUE_SIZE || queueSize > MAX_QUEUE_SIZE || Integer.bitCount(queueSize) != 1) {
            throw new IllegalArgumentException("drive " + id + ": queue-size=" + queueSize
                + " is not a power of two from " + MIN_QUEUE_SIZE + " to " + MAX_QUEUE_SIZE);
        }
        if (nullBytes < 0 || nullBytes % BlockConfigSpace.SECTOR_BYTES != 0) {
            throw new IllegalArgumentException("drive " + id + ": size " + nullBytes + " is not a multiple of 512");
        }
        if (format == Format.RAW && file == null) {
            throw new IllegalArgumentException("drive " + id + ": no file; say file=PATH");
        }
    }

    /** A raw image, writable, with the usual values: cache=writeback, and the id as serial number. */
    public static BlockDeviceConfig raw(String id, String file) {
        return new BlockDeviceConfig(id, file, Format.RAW, CacheMode.WRITEBACK, false, id, DEFAULT_QUEUE_SIZE,
            DEFAULT_NULL_BYTES, true, IoThreadOptions.DEFAULTS);
    }

    /** No file at all. */
    public static BlockDeviceConfig nothing(String id) {
        return new BlockDeviceConfig(id, null, Format.NULL, CacheMode.WRITEBACK, false, id, DEFAULT_QUEUE_SIZE,
            DEFAULT_NULL_BYTES, true, IoThreadOptions.DEFAULTS);
    }

    public BlockDeviceConfig withCache(CacheMode mode) {
        return new BlockDeviceConfig(
            id, file, format, mode, readOnly, serial, queueSize, nullBytes, registerMemory, thread);
    }

    public BlockDeviceConfig withReadOnly(boolean only) {
        return new BlockDeviceConfig(id, file, format, cache, only, serial, queueSize, nullBytes, registerMemory, thread);
    }

    public BlockDeviceConfig withSerial(String text) {
        return new BlockDeviceConfig(
            id, file, format, cache, readOnly, text, queueSize, nullBytes, registerMemory, thread);
    }

    public BlockDeviceConfig withQueueSize(int entries) {
        return new BlockDeviceConfig(id, file, format, cache, readOnly, serial, entries, nullBytes, registerMemory, thread);
    }

    public BlockDeviceConfig withNullBytes(long bytes) {
        return new BlockDeviceConfig(id, file, format, cache, readOnly, serial, queueSize, bytes, registerMemory, thread);
    }

    public BlockDeviceConfig withRegisterMemory(boolean register) {
        return new BlockDeviceConfig(id, file, format, cache, readOnly, serial, queueSize, nullBytes, register, thread);
    }

    public BlockDeviceConfig withThread(IoThreadOptions options) {
        return new BlockDeviceConfig(
            id, file, format, cache, readOnly, serial, queueSize, nullBytes, registerMemory, options);
    }
}
