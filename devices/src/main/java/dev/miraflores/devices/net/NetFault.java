// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/**
 * Why a packet did not get through, or a buffer could not be used. Constants only, see
 * {@link dev.miraflores.virtio.ring.DriverFault}.
 */
public enum NetFault {
    /** A buffer to receive into that has device-readable bytes, or a packet to send that has device-writable ones (virtio 1.3 §5.1.6). */
    WRONG_DIRECTION,
    /** A packet without a whole header, or a buffer to receive into that has no room for one (§5.1.6). */
    HEADER_TOO_SHORT,
    /** A packet shorter than an Ethernet header. */
    FRAME_TOO_SHORT,
    /** A packet longer than {@link NetHeader#MAX_FRAME_BYTES}, or received with more than the MTU (§5.1.4.1). */
    FRAME_TOO_LONG,
    /** A packet that needs what the driver has not negotiated, or has switched off (§5.1.6.2.1, §5.1.6.4.1). */
    OFFLOAD_NOT_NEGOTIATED,
    /** A {@code gso_type} that there is not. */
    GSO_TYPE_UNKNOWN,
    /** A packet to be cut up into pieces of no bytes. */
    GSO_SIZE_ZERO,
    /** A checksum that is to be put beyond the packet's end, or one for each segment that is to be put nowhere. */
    CHECKSUM_OUTSIDE,
    /** The guest's buffers cannot hold the packet, all of them together. */
    BUFFERS_TOO_SMALL,
    /** The guest's receive filter has no use for the packet; no fault of anybody's. */
    FILTERED,
    /** The link is down. */
    LINK_DOWN,
    /** The back end would not have it, or give it. */
    PORT_ERROR,
    /** Steered to a queue that the driver has not set up, or has no buffers in (§5.1.6.5.7). */
    NO_QUEUE
}
