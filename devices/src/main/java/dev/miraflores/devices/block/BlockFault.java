// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

/**
 * A rule of the block device that a driver broke. Constants only, see {@link dev.miraflores.virtio.ring.DriverFault}. The
 * first two leave no way to answer, so the chain goes back with {@code len} 0; the others are answered with IOERR.
 */
public enum BlockFault {
    /** No device-writable byte for the status (virtio 1.3 §5.2.6). */            STATUS_MISSING,
    /** Fewer than 16 device-readable bytes (§5.2.6). */                           HEADER_TOO_SHORT,
    /** Data of no multiple of 512 bytes (§5.2.6.1). */                            LENGTH_ODD,
    /** More data than one request may have here: 2^31 − 512 bytes. */             LENGTH_TOO_LARGE,
    /** Sectors beyond the end of the disk (§5.2.6.2). */                          BEYOND_END,
    /** A write to a read-only disk (§5.2.6.2, VIRTIO_BLK_F_RO). */                READ_ONLY,
    /** Ranges to discard or zero that are no multiple of 16 bytes, or none (§5.2.6.1). */ RANGES_ODD,
    /** More ranges than max_discard_seg or max_write_zeroes_seg (§5.2.6.1). */   TOO_MANY_RANGES,
    /** A range of more than max_discard_sectors or max_write_zeroes_sectors (§5.2.6.1). */ RANGE_TOO_LARGE
}
