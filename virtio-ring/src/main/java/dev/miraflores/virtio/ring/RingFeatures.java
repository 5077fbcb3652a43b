// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.bindings.virtio.virtio_abi;

/** Feature bits that change how a queue works, as masks (virtio 1.3 §6). */
public final class RingFeatures {

    /** VIRTIO_F_INDIRECT_DESC: descriptors that refer to tables of descriptors (§2.7.5.3, §2.8.7). */
    public static final long INDIRECT_DESC = 1L << virtio_abi.VIRTIO_RING_F_INDIRECT_DESC;

    /** VIRTIO_F_EVENT_IDX: each side says at which index it wants to be notified (§2.7.7, §2.7.10, §2.8.10). */
    public static final long EVENT_IDX = 1L << virtio_abi.VIRTIO_RING_F_EVENT_IDX;

    /** VIRTIO_F_VERSION_1: no legacy interface. */
    public static final long VERSION_1 = 1L << virtio_abi.VIRTIO_F_VERSION_1;

    /** VIRTIO_F_RING_PACKED: packed virtqueues (§2.8) in place of split ones (§2.7). */
    public static final long RING_PACKED = 1L << virtio_abi.VIRTIO_F_RING_PACKED;

    /** VIRTIO_F_IN_ORDER: buffers are used in the order in which they were made available (§2.7.9, §2.8.8). */
    public static final long IN_ORDER = 1L << virtio_abi.VIRTIO_F_IN_ORDER;

    private RingFeatures() {
    }

    static boolean has(long features, long mask) {
        return (features & mask) != 0;
    }
}
