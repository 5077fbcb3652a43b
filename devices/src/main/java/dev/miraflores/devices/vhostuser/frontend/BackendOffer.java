// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.virtio.ring.RingFeatures;

/**
 * What a back end has said that it can do.
 *
 * @param features         of the device and its rings, as far as we can pass them on to a driver
 * @param protocolFeatures negotiated
 * @param maxQueues        queues that it can serve, or of a NIC queue pairs
 * @param config           the start of its configuration space, see {@link BackendRole#configByteSize}
 */
record BackendOffer(long features, long protocolFeatures, int maxQueues, byte[] config) {

    boolean has(ProtocolFeature feature) {
        return feature.in(protocolFeatures);
    }

    /**
     * The features that a driver is offered: all, but that of several queues where there is one, and packed rings only where a
     * back end that dies leaves behind what it had in flight, for nothing else tells where it was.
     *
     * @param multiQueue the feature of several queues
     */
    long offered(boolean packed, int queues, long multiQueue) {
        long offered = features;
        if (!packed || !has(ProtocolFeature.INFLIGHT_SHMFD)) {
            offered &= ~RingFeatures.RING_PACKED;
        }
        return queues > 1 ? offered | multiQueue : offered & ~multiQueue;
    }
}
