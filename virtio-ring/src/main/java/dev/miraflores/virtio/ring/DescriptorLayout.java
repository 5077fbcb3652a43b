// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.bindings.virtio.virtio_abi;

/**
 * One descriptor of a split queue's table or of an indirect table: written by the driver, read by the device
 * (virtio 1.3 §2.7.5). Little-endian; the table is aligned to 16 bytes, an indirect table to none.
 * <pre>  0   le64  addr
 *   8   le32  len
 *   12  le16  flags
 *   14  le16  next </pre>
 * {@code len}, {@code flags} and {@code next} are read as one le64, so a descriptor is two loads.
 */
final class DescriptorLayout {

    static final int BYTES = 16;
    static final int SHIFT = 4;
    static final long ADDR_OFFSET = 0;
    static final long LEN_FLAGS_NEXT_OFFSET = 8;
    static final long ALIGNMENT = 16;

    /** VIRTQ_DESC_F_NEXT. */
    static final int NEXT = virtio_abi.VRING_DESC_F_NEXT;

    /** VIRTQ_DESC_F_WRITE. */
    static final int WRITE = virtio_abi.VRING_DESC_F_WRITE;

    /** VIRTQ_DESC_F_INDIRECT. */
    static final int INDIRECT = virtio_abi.VRING_DESC_F_INDIRECT;

    private DescriptorLayout() {
    }

    static long length(long lenFlagsNext) {
        return lenFlagsNext & 0xFFFF_FFFFL;
    }

    static int flags(long lenFlagsNext) {
        return (int) (lenFlagsNext >>> 32) & 0xFFFF;
    }

    static int next(long lenFlagsNext) {
        return (int) (lenFlagsNext >>> 48);
    }

    static long pack(long length, int flags, int next) {
        return length & 0xFFFF_FFFFL | (flags & 0xFFFFL) << 32 | (long) next << 48;
    }
}
