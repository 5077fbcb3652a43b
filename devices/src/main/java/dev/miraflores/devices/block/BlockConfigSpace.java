// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.bindings.virtio.virtio_abi.virtio_blk_config;

/**
 * {@code struct virtio_blk_config}: what the driver reads about the disk, and the one byte it may write (virtio 1.3 §5.2.4).
 * Little-endian.
 * <pre>   0  le64  capacity                  in sectors of 512 bytes
 *    8  le32  size_max                  bytes of one data element; 0: no limit, not offered
 *   12  le32  seg_max                   data elements of one request
 *   16  le16  cylinders, u8 heads, u8 sectors
 *   20  le32  blk_size
 *   24  u8    physical_block_exp        physical block is blk_size times 2 to this
 *   25  u8    alignment_offset
 *   26  le16  min_io_size               in blocks
 *   28  le32  opt_io_size               0: none
 *   32  u8    writeback                 written by the driver with VIRTIO_BLK_F_CONFIG_WCE
 *   34  le16  num_queues
 *   36  le32  max_discard_sectors       of one range
 *   40  le32  max_discard_seg           ranges of one request
 *   44  le32  discard_sector_alignment
 *   48  le32  max_write_zeroes_sectors  of one range
 *   52  le32  max_write_zeroes_seg      ranges of one request
 *   56  u8    write_zeroes_may_unmap </pre>
 * <p>Thread: any.
 */
final class BlockConfigSpace {

    /** The unit of capacity and of request addresses (§5.2.4, §5.2.6). */
    static final int SECTOR_BYTES = 512;
    static final int SECTOR_SHIFT = 9;

    /** Up to where fields of features we do not have begin: max_secure_erase_sectors. */
    static final int BYTES = (int) virtio_blk_config.max_secure_erase_sectors;

    /** The header and the status byte take a descriptor each. */
    private static final int NON_DATA_DESCRIPTORS = 2;
    /** Storage is given back in blocks of the file system: 4 KiB, as a rule. */
    private static final int DISCARD_BYTES = 4096;

    /** The geometry that disks claim since they have none: ATA-6 §6.2, the default translation. */
    private static final int MAX_CYLINDERS = 16383;
    private static final int HEADS = 16;
    private static final int SECTORS_PER_TRACK = 63;

    private final byte[] fixed = new byte[BYTES];
    private final boolean defaultWriteback;
    private volatile boolean writeback;
    private volatile long capacity;

    BlockConfigSpace(BlockBackend backend, BlockDeviceConfig options) {
        int blockBytes = options.logicalBlockBytes();
        defaultWriteback = backend.hasWriteCache();
        writeback = defaultWriteback;
        capacity = backend.byteSize() >>> SECTOR_SHIFT;
        int physicalBlocks = Math.max(1, backend.physicalBlockBytes() / blockBytes);
        put(virtio_blk_config.size_max, 4, options.maxSegmentBytes());
        put(virtio_blk_config.seg_max, 4, Math.max(1, options.queueSize() - NON_DATA_DESCRIPTORS));
        put(virtio_blk_config.geometry + 2, 1, HEADS);
        put(virtio_blk_config.geometry + 3, 1, SECTORS_PER_TRACK);
        put(virtio_blk_config.blk_size, 4, blockBytes);
        put(virtio_blk_config.physical_block_exp, 1, Integer.numberOfTrailingZeros(physicalBlocks));
        put(virtio_blk_config.min_io_size, 2, physicalBlocks);
        put(virtio_blk_config.num_queues, 2, options.queues());
        boolean unmaps = options.discard() == BlockDeviceConfig.Discard.UNMAP;
        if (unmaps) {
            put(virtio_blk_config.max_discard_sectors, 4, BlockRequest.MAX_RANGE_SECTORS);
            put(virtio_blk_config.max_discard_seg, 4, BlockRequest.MAX_RANGES);
            put(virtio_blk_config.discard_sector_alignment, 4,
                Math.max(DISCARD_BYTES, backend.physicalBlockBytes()) >>> SECTOR_SHIFT);
        }
        put(virtio_blk_config.max_write_zeroes_sectors, 4, BlockRequest.MAX_RANGE_SECTORS);
        put(virtio_blk_config.max_write_zeroes_seg, 4, BlockRequest.MAX_RANGES);
        put(virtio_blk_config.write_zeroes_may_unmap, 1, unmaps ? 1 : 0);
    }

    private void put(long offset, int byteSize, long value) {
        for (int i = 0; i < byteSize; i++) {
            fixed[(int) offset + i] = (byte) (value >>> 8 * i);
        }
    }

    long read(int offset, int byteSize) {
        long value = 0;
        for (int i = byteSize - 1; i >= 0; i--) {
            value = value << 8 | byteAt(offset + i);
        }
        return value;
    }

    private int byteAt(int offset) {
        if (offset < virtio_blk_config.size_max) {
            return (int) (capacity >>> 8 * offset) & 0xFF;
        }
        if (offset - virtio_blk_config.geometry >>> 1 == 0) {
            return cylinders() >>> 8 * (int) (offset - virtio_blk_config.geometry) & 0xFF;
        }
        return offset == virtio_blk_config.wce ? writeback ? 1 : 0 : fixed[offset] & 0xFF;
    }

    private int cylinders() {
        return (int) Math.min(MAX_CYLINDERS, capacity / (HEADS * SECTORS_PER_TRACK));
    }

    /** The disk has another size, in bytes. */
    void setByteSize(long byteSize) {
        capacity = byteSize >>> SECTOR_SHIFT;
    }

    /** Only {@code writeback} can be written, and only as the byte it is. */
    void write(int offset, int byteSize, long value) {
        if (offset == virtio_blk_config.wce && byteSize == 1) {
            writeback = (value & 1) != 0;
        }
    }

    /** A driver begins that may say how writes are cached, but cannot flush (§5.2.5.2). */
    void beginWriteThrough() {
        writeback = false;
    }

    /** Whether such a write takes away the cache that the driver has had. */
    boolean isSwitchingOff(int offset, int byteSize, long value) {
        return writeback && offset == virtio_blk_config.wce && byteSize == 1 && (value & 1) == 0;
    }

    /** After a reset it is as it was at first (§5.2.5.2 leaves that to the device). */
    void reset() {
        writeback = defaultWriteback;
    }

    /** Whether the driver, or nobody yet, wants writes to be held in a cache. */
    boolean writeback() {
        return writeback;
    }
}
