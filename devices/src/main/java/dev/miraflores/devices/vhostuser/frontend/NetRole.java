// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.net.NetFeatures;
import dev.miraflores.devices.net.NetPathEvents;
import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.virtio.ring.RingFeatures;

/**
 * A NIC's back end: packets are all that it sees of the device. That it is gone is a link that is down; another is told of the
 * MTU and the network of the guest's place, by the guest if that can announce itself, else by the back end.
 * <p>A packet that was in flight with a back end that went may be lost or sent twice, which networks do anyway.
 * <p>Thread: the control thread.
 */
final class NetRole implements BackendRole {

    /** Features of rings and buffers that are passed on; offloads are besides. */
    static final long RINGS = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX
            | RingFeatures.RING_PACKED | RingFeatures.IN_ORDER | NetFeatures.MRG_RXBUF;

    private static final long PROTOCOL = ProtocolFeature.masks(ProtocolFeature.MQ, ProtocolFeature.REPLY_ACK,
            ProtocolFeature.RARP, ProtocolFeature.MTU, ProtocolFeature.INFLIGHT_SHMFD, ProtocolFeature.RESET_DEVICE,
            ProtocolFeature.STATUS);

    private static final int MAC_BYTES = 6;

    private final String id;
    private final long mac;
    private final int mtu;
    /** Null until the NIC is there, which is after the first connection. */
    private NetPathEvents events;
    private BackendOffer offer;

    /** @param mtu what the guest is told; 0 for nothing */
    NetRole(String id, long mac, int mtu) {
        this.id = id;
        this.mac = mac;
        this.mtu = mtu;
    }

    void events(NetPathEvents listener) {
        events = listener;
    }

    @Override
    public String device() {
        return "nic " + id;
    }

    @Override
    public Class<?> logger() {
        return VhostUserNetPath.class;
    }

    @Override
    public String program() {
        return "vhost-user-net";
    }

    @Override
    public long passedOn() {
        return RINGS | NetFeatures.OFFLOADS | NetFeatures.MQ | NetFeatures.MTU | NetFeatures.GUEST_ANNOUNCE;
    }

    @Override
    public long protocol() {
        return PROTOCOL;
    }

    @Override
    public long multiQueue() {
        return NetFeatures.MQ;
    }

    /** One that receives, one that transmits. */
    @Override
    public int ringsEach() {
        return 2;
    }

    @Override
    public int configByteSize(long features) {
        return 0;
    }

    @Override
    public void opened(BackendOffer first, int queues) {
        offer = first;
    }

    @Override
    public void connected(BackendSession session, BackendOffer another, VirtioActivation driver) throws SessionException {
        offer = another;
        if (events != null) {
            events.linkChanged(true);
        }
        if (driver == null) {
            return;
        }
        if ((driver.features() & NetFeatures.GUEST_ANNOUNCE) != 0 && events != null) {
            events.announce();
        } else if (offer.has(ProtocolFeature.RARP)) {
            // "SEND_RARP": the address in the first bytes, in the order of the wire.
            long payload = 0;
            for (int i = 0; i < MAC_BYTES; i++) {
                payload |= (mac >>> Byte.SIZE * (MAC_BYTES - 1 - i) & 0xff) << Byte.SIZE * i;
            }
            session.tell(FrontendRequest.SEND_RARP, payload);
        }
    }

    @Override
    public void lost() {
        if (events != null) {
            events.linkChanged(false);
        }
    }

    @Override
    public void beforeStart(BackendSession session) throws SessionException {
        if (mtu != 0 && offer.has(ProtocolFeature.MTU) && (offer.features() & NetFeatures.MTU) != 0) {
            session.tell(FrontendRequest.NET_SET_MTU, mtu);
        }
    }

    @Override
    public void configured(byte[] fresh, VirtioActivation driver) {
        // The configuration is ours.
    }

    @Override
    public void reset() {
        // Nothing of it is the role's.
    }

    @Override
    public void afterReset(BackendSession session) {
        // Nor the back end's.
    }

    @Override
    public boolean bearsLoss() {
        return true;
    }
}
