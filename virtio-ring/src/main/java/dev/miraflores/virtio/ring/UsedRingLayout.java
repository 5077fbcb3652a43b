// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.bindings.virtio.virtio_abi;

/**
 * Used ring: written by the device, read by the driver (virtio 1.3 §2.7.8). Little-endian, 4-byte aligned.
 * <pre>  0           le16        flags
 *   2           le16        idx          free-running, wraps at 65536
 *   4           le32, le32  ring[size]   id, len
 *   4 + 8*size  le16        avail_event  with VIRTIO_F_EVENT_IDX </pre>
 */
final class UsedRingLayout {

    static final long FLAGS_OFFSET = 0;
    static final long IDX_OFFSET = 2;
    static final long RING_OFFSET = 4;
    static final long ALIGNMENT = 4;

    /** VIRTQ_USED_F_NO_NOTIFY. */
    static final short NO_NOTIFY = virtio_abi.VRING_USED_F_NO_NOTIFY;

    private UsedRingLayout() {
    }

    static long entryOffset(int ringIndex) {
        return RING_OFFSET + 8L * ringIndex;
    }

    static long availEventOffset(int size) {
        return entryOffset(size);
    }

    /** With or without VIRTIO_F_EVENT_IDX: the table of §2.7 counts avail_event in always. */
    static long byteSize(int size) {
        return entryOffset(size) + 2;
    }
}
