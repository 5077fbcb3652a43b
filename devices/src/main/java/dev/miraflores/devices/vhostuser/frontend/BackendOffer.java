// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.virtio.ring.RingFeatures;

/**
 * What a back end has said that it can do.
 *
 * @param features         of the device and its rings, as far as we can pass them on to a driver
 * @param protocolFeatures negotiated
 * @param maxQueues        queues that it can serve
 * @param config           the start of its configuration space, see {@link RemoteConfigSpace#byteSize(long)}
 */
record BackendOffer(long features, long protocolFeatures, int maxQueues, byte[] config) {

    /**
     * Features of which the front end need not know more than their bits. Others have a share in the transport (legacy, ring
     * reset, notification data), in addresses (ACCESS_PLATFORM) or in configuration that we do not know.
     */
    private static final long PASSED_ON = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX
            | RingFeatures.RING_PACKED | RingFeatures.IN_ORDER
            | bit(virtio_abi.VIRTIO_BLK_F_SIZE_MAX) | bit(virtio_abi.VIRTIO_BLK_F_SEG_MAX)
            | bit(virtio_abi.VIRTIO_BLK_F_GEOMETRY) | bit(virtio_abi.VIRTIO_BLK_F_RO)
            | bit(virtio_abi.VIRTIO_BLK_F_BLK_SIZE) | bit(virtio_abi.VIRTIO_BLK_F_FLUSH)
            | bit(virtio_abi.VIRTIO_BLK_F_TOPOLOGY) | bit(virtio_abi.VIRTIO_BLK_F_CONFIG_WCE)
            | bit(virtio_abi.VIRTIO_BLK_F_MQ) | bit(virtio_abi.VIRTIO_BLK_F_DISCARD)
            | bit(virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES) | bit(virtio_abi.VIRTIO_BLK_F_SECURE_ERASE);

    /** What we speak of the protocol, where the back end does. */
    static final long OUR_PROTOCOL = ProtocolFeature.masks(ProtocolFeature.MQ, ProtocolFeature.REPLY_ACK,
            ProtocolFeature.BACKEND_REQ, ProtocolFeature.CONFIG, ProtocolFeature.INFLIGHT_SHMFD,
            ProtocolFeature.RESET_DEVICE, ProtocolFeature.STATUS);

    static final long MQ = bit(virtio_abi.VIRTIO_BLK_F_MQ);
    static final long CONFIG_WCE = bit(virtio_abi.VIRTIO_BLK_F_CONFIG_WCE);

    private static long bit(int feature) {
        return 1L << feature;
    }

    /** Of the features that a back end says it has, those that a driver may be offered. */
    static long passedOn(long features) {
        return features & PASSED_ON;
    }

    boolean has(ProtocolFeature feature) {
        return feature.in(protocolFeatures);
    }

    /**
     * The features that a driver is offered: all, but packed rings only where a back end that dies leaves behind what it had in
     * flight, for nothing else tells where it was.
     */
    long offered(boolean packed, int queues) {
        long offered = features;
        if (!packed || !has(ProtocolFeature.INFLIGHT_SHMFD)) {
            offered &= ~RingFeatures.RING_PACKED;
        }
        return queues > 1 ? offered | MQ : offered & ~MQ;
    }
}
