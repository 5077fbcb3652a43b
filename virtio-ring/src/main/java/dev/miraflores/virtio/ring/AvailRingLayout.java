// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.bindings.virtio.virtio_abi;

/**
 * Available ring: written by the driver, read by the device (virtio 1.3 §2.7.6). Little-endian, 2-byte aligned.
 * <pre>  0           le16  flags
 *   2           le16  idx          free-running, wraps at 65536
 *   4           le16  ring[size]   heads
 *   4 + 2*size  le16  used_event   with VIRTIO_F_EVENT_IDX </pre>
 */
final class AvailRingLayout {

    static final long FLAGS_OFFSET = 0;
    static final long IDX_OFFSET = 2;
    static final long RING_OFFSET = 4;
    static final long ALIGNMENT = 2;

    /** VIRTQ_AVAIL_F_NO_INTERRUPT. */
    static final short NO_INTERRUPT = virtio_abi.VRING_AVAIL_F_NO_INTERRUPT;

    private AvailRingLayout() {
    }

    static long entryOffset(int ringIndex) {
        return RING_OFFSET + 2L * ringIndex;
    }

    static long usedEventOffset(int size) {
        return entryOffset(size);
    }

    /** With or without VIRTIO_F_EVENT_IDX: the table of §2.7 counts used_event in always. */
    static long byteSize(int size) {
        return entryOffset(size) + 2;
    }
}
