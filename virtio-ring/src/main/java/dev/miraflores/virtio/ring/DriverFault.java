// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

/**
 * A rule of the virtqueue that a driver broke.
 * <p>Constants and nothing more: a guest can cause them at will, so one costs neither a stack walk nor a string.
 */
public enum DriverFault {

    /** Queue Size is 0, above 32768, or for a split queue no power of two (virtio 1.3 §2.7, §2.8). */
    QUEUE_SIZE_INVALID(Extent.QUEUE),

    /** A part of the queue is not aligned as §2.7.1 and §2.8.11 ask. */
    QUEUE_MISALIGNED(Extent.QUEUE),

    /** A part of the queue is not wholly in one region of guest memory. */
    QUEUE_OUTSIDE_MEMORY(Extent.QUEUE),

    /** More heads exposed than the queue holds, counting those in use, or idx moved back (§2.7, §2.7.6.1). */
    AVAIL_IDX_JUMPED(Extent.QUEUE),

    /** The available ring names a descriptor that is not in the table (§2.7.6). */
    HEAD_OUT_OF_RANGE(Extent.QUEUE),

    /** A packed list is longer than what the ring has left, so it has no end and no id (§2.8.17). */
    LIST_UNENDED(Extent.QUEUE),

    /** What an earlier device noted of buffers in flight, and the driver's side can write, makes no sense (vhost-user). */
    INFLIGHT_INVALID(Extent.QUEUE),

    /** A packed buffer id is not below Queue Size, or is in use by an earlier buffer (§2.8.13, §2.8.21). */
    BUFFER_ID_INVALID(Extent.QUEUE),

    /** {@code next} is not in its table (§2.7.5, §2.7.5.3). */
    NEXT_OUT_OF_RANGE(Extent.CHAIN),

    /** More descriptors than Queue Size, so possibly a loop (§2.7.5.3.1, §2.8.17). */
    CHAIN_TOO_LONG(Extent.CHAIN),

    /** More than 2^32 bytes in total (§2.7.5.2). */
    CHAIN_TOO_LARGE(Extent.CHAIN),

    /** A device-readable descriptor after a device-writable one (§2.7.4.2, §2.8.17). */
    READABLE_AFTER_WRITABLE(Extent.CHAIN),

    /** Some byte of a buffer is not guest memory, or a buffer goes over from one region into another. */
    BUFFER_OUTSIDE_MEMORY(Extent.CHAIN),

    /** VIRTQ_DESC_F_INDIRECT without VIRTIO_F_INDIRECT_DESC (§2.7.5.3.1, §2.8.19). */
    INDIRECT_NOT_NEGOTIATED(Extent.CHAIN),

    /** VIRTQ_DESC_F_INDIRECT in a descriptor of an indirect table (§2.7.5.3.1). */
    INDIRECT_IN_INDIRECT(Extent.CHAIN),

    /** VIRTQ_DESC_F_INDIRECT together with VIRTQ_DESC_F_NEXT (§2.7.5.3.1), or in a packed list (§2.8.19). */
    INDIRECT_WITH_NEXT(Extent.CHAIN),

    /** An indirect table of no bytes, of no multiple of 16, or with entries that no {@code next} reaches (§2.7.5.3). */
    INDIRECT_LENGTH_INVALID(Extent.CHAIN),

    /** An indirect table that is not wholly in one region of guest memory. */
    INDIRECT_OUTSIDE_MEMORY(Extent.CHAIN);

    private enum Extent { CHAIN, QUEUE }

    private final Extent extent;

    DriverFault(Extent extent) {
        this.extent = extent;
    }

    /**
     * Whether the queue cannot go on: its device then asks for a reset (§2.1.2). Otherwise only one chain is spoilt,
     * and goes back to the driver with {@code len} 0.
     */
    public boolean endsQueue() {
        return extent == Extent.QUEUE;
    }
}
