// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.CacheMode;
import java.util.Objects;

/**
 * A disk: a file on the host, shown to the guest as a virtio-blk device with a data plane thread of its own.
 *
 * @param id        its name within the machine, or null for one that the machine makes up
 * @param file      path of the file or block device
 * @param format    what the file holds; never guessed from its content, which the guest can write
 * @param cache     how the host's page cache is used
 * @param aio       the engine that does the I/O
 * @param readOnly  whether the guest sees a read-only disk; the file is then opened for reading only
 * @param serial    what the guest reads as the disk's serial number, at most 20 bytes of ASCII; empty for none
 * @param queueSize largest size of its virtqueue, a power of two
 */
public record DriveConfig(String id, String file, Format format, CacheMode cache, Aio aio, boolean readOnly, String serial,
        int queueSize) {

    /** QEMU's default, too. */
    public static final int DEFAULT_QUEUE_SIZE = 256;
    /** virtio-blk's GET_ID answers with as many bytes (virtio 1.3 §5.2.6). */
    public static final int SERIAL_BYTES = 20;

    /** What a drive's file holds. */
    public enum Format {
        /** The disk's bytes, one after the other. */
        RAW
    }

    /** The engine that does a drive's I/O. */
    public enum Aio {
        IO_URING
    }

    public DriveConfig {
        Objects.requireNonNull(format);
        Objects.requireNonNull(cache);
        Objects.requireNonNull(aio);
        Objects.requireNonNull(serial);
        Objects.requireNonNull(file);
        if (id != null && !isId(id)) {
            throw new ConfigException("drive id=" + id + ": not an id; use a letter, then letters, digits, '-', '.' or '_'");
        }
        if (serial.length() > SERIAL_BYTES || !isPrintableAscii(serial)) {
            throw new ConfigException("drive serial=" + serial + "; use at most " + SERIAL_BYTES + " characters of ASCII");
        }
        if (queueSize < 2 || queueSize > 1024 || Integer.bitCount(queueSize) != 1) {
            throw new ConfigException("drive queue-size=" + queueSize + "; use a power of two from 2 to 1024");
        }
    }

    /** A raw, writable disk with QEMU's defaults. */
    public static DriveConfig of(String file) {
        return new DriveConfig(null, file, Format.RAW, CacheMode.WRITEBACK, Aio.IO_URING, false, "", DEFAULT_QUEUE_SIZE);
    }

    /**
     * A disk in the words of QEMU's {@code -drive}: {@code file=disk.img,cache=none}.
     *
     * @throws ConfigException when the text says something that is unknown, wrong, or not built
     */
    public static DriveConfig parse(String text) {
        return DriveOptions.parse(text);
    }

    /** This drive under another id. */
    public DriveConfig withId(String newId) {
        return new DriveConfig(newId, file, format, cache, aio, readOnly, serial, queueSize);
    }

    /** This drive with another use of the page cache. */
    public DriveConfig withCache(CacheMode newCache) {
        return new DriveConfig(id, file, format, newCache, aio, readOnly, serial, queueSize);
    }

    /** This drive, read-only or not. */
    public DriveConfig withReadOnly(boolean newReadOnly) {
        return new DriveConfig(id, file, format, cache, aio, newReadOnly, serial, queueSize);
    }

    private static boolean isId(String text) {
        if (text.isEmpty() || !isLetter(text.charAt(0))) {
            return false;
        }
        for (int i = 1; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!isLetter(c) && !(c >= '0' && c <= '9') && "-._".indexOf(c) < 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean isLetter(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
    }

    private static boolean isPrintableAscii(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) < ' ' || text.charAt(i) > '~') {
                return false;
            }
        }
        return true;
    }
}
