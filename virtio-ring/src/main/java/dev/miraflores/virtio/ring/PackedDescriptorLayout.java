// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.bindings.virtio.virtio_abi;

/**
 * One descriptor of a packed ring, or of an indirect table of one: written by the driver, and in the ring by the device
 * too (virtio 1.3 §2.8.13). Little-endian; the ring is aligned to 16 bytes, an indirect table to none.
 * <pre>  0   le64  addr
 *   8   le32  len
 *   12  le16  id
 *   14  le16  flags </pre>
 * {@code len}, {@code id} and {@code flags} are read as one le64: what the flags hand over comes with them.
 */
final class PackedDescriptorLayout {

    static final int BYTES = 16;
    static final int SHIFT = 4;
    static final long ADDR_OFFSET = 0;
    static final long LEN_ID_FLAGS_OFFSET = 8;
    static final long LEN_OFFSET = 8;
    static final long ID_OFFSET = 12;
    static final long FLAGS_OFFSET = 14;
    static final long ALIGNMENT = 16;

    /** VIRTQ_DESC_F_NEXT. */
    static final int NEXT = virtio_abi.VRING_DESC_F_NEXT;

    /** VIRTQ_DESC_F_WRITE. */
    static final int WRITE = virtio_abi.VRING_DESC_F_WRITE;

    /** VIRTQ_DESC_F_INDIRECT. */
    static final int INDIRECT = virtio_abi.VRING_DESC_F_INDIRECT;

    /** VIRTQ_DESC_F_AVAIL (§2.8.1). */
    static final int AVAIL = 1 << virtio_abi.VRING_PACKED_DESC_F_AVAIL;

    /** VIRTQ_DESC_F_USED (§2.8.1). */
    static final int USED = 1 << virtio_abi.VRING_PACKED_DESC_F_USED;

    private PackedDescriptorLayout() {
    }

    static long length(long lenIdFlags) {
        return lenIdFlags & 0xFFFF_FFFFL;
    }

    static int id(long lenIdFlags) {
        return (int) (lenIdFlags >>> 32) & 0xFFFF;
    }

    static int flags(long lenIdFlags) {
        return (int) (lenIdFlags >>> 48);
    }

    static long pack(long length, int id, int flags) {
        return length & 0xFFFF_FFFFL | (id & 0xFFFFL) << 32 | (long) flags << 48;
    }

    /** AVAIL and USED of a descriptor made available while the driver's wrap counter is {@code wrap} (§2.8.1). */
    static int availableFlags(boolean wrap) {
        return wrap ? AVAIL : USED;
    }

    /** AVAIL and USED of a descriptor used while the device's wrap counter is {@code wrap} (§2.8.1). */
    static int usedFlags(boolean wrap) {
        return wrap ? AVAIL | USED : 0;
    }

    static boolean isAvailable(int flags, boolean wrap) {
        return (flags & (AVAIL | USED)) == availableFlags(wrap);
    }

    static boolean isUsed(int flags, boolean wrap) {
        return (flags & (AVAIL | USED)) == usedFlags(wrap);
    }
}
