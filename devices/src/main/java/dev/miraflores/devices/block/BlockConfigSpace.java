// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.bindings.virtio.virtio_abi.virtio_blk_config;

/**
 * {@code struct virtio_blk_config}: what the driver reads about the disk, and the one byte it may write (virtio 1.3 §5.2.4).
 * Little-endian.
 * <pre>   0  le64  capacity             in sectors of 512 bytes
 *    8  le32  size_max             0: no limit, not offered
 *   12  le32  seg_max              data elements of one request
 *   16        geometry             0: not offered
 *   20  le32  blk_size
 *   24  u8    physical_block_exp   physical block is blk_size times 2 to this
 *   25  u8    alignment_offset
 *   26  le16  min_io_size          in blocks
 *   28  le32  opt_io_size          0: none
 *   32  u8    writeback            written by the driver with VIRTIO_BLK_F_CONFIG_WCE
 *   34  le16  num_queues </pre>
 * <p>Thread: any.
 */
final class BlockConfigSpace {

    /** The unit of capacity and of request addresses (§5.2.4, §5.2.6). */
    static final int SECTOR_BYTES = 512;
    static final int SECTOR_SHIFT = 9;

    /** What we report as logical block, as QEMU does: an image made with 512-byte blocks is readable on any host. */
    static final int BLOCK_BYTES = 512;

    /** Up to where fields of features we do not have begin: max_discard_sectors. */
    static final int BYTES = (int) virtio_blk_config.max_discard_sectors;

    /** The header and the status byte take a descriptor each. */
    private static final int NON_DATA_DESCRIPTORS = 2;

    private final byte[] fixed = new byte[BYTES];
    private final boolean defaultWriteback;
    private volatile boolean writeback;

    BlockConfigSpace(BlockBackend backend, int queueSize, int queueCount) {
        defaultWriteback = backend.hasWriteCache();
        writeback = defaultWriteback;
        int physicalBlocks = Math.max(1, backend.physicalBlockBytes() / BLOCK_BYTES);
        put(virtio_blk_config.capacity, 8, backend.byteSize() >>> SECTOR_SHIFT);
        put(virtio_blk_config.seg_max, 4, Math.max(1, queueSize - NON_DATA_DESCRIPTORS));
        put(virtio_blk_config.blk_size, 4, BLOCK_BYTES);
        put(virtio_blk_config.physical_block_exp, 1, Integer.numberOfTrailingZeros(physicalBlocks));
        put(virtio_blk_config.min_io_size, 2, physicalBlocks);
        put(virtio_blk_config.num_queues, 2, queueCount);
    }

    private void put(long offset, int byteSize, long value) {
        for (int i = 0; i < byteSize; i++) {
            fixed[(int) offset + i] = (byte) (value >>> 8 * i);
        }
    }

    long read(int offset, int byteSize) {
        long value = 0;
        for (int i = byteSize - 1; i >= 0; i--) {
            int at = offset + i;
            byte b = at == virtio_blk_config.wce ? (byte) (writeback ? 1 : 0) : fixed[at];
            value = value << 8 | b & 0xFF;
        }
        return value;
    }

    /** Only {@code writeback} can be written, and only as the byte it is. */
    void write(int offset, int byteSize, long value) {
        if (offset == virtio_blk_config.wce && byteSize == 1) {
            writeback = (value & 1) != 0;
        }
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
