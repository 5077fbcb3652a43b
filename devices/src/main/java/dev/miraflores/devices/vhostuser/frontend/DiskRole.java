// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.virtio.ring.RingFeatures;

/**
 * A disk's back end: its configuration space is the back end's, and the driver may write one byte of it.
 * <p>Thread: the control thread.
 */
final class DiskRole implements BackendRole {

    static final long CONFIG_WCE = bit(virtio_abi.VIRTIO_BLK_F_CONFIG_WCE);

    /**
     * Features of which the front end need not know more than their bits. Others have a share in the transport (legacy, ring
     * reset, notification data), in addresses (ACCESS_PLATFORM) or in configuration that we do not know.
     */
    private static final long PASSED_ON = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX
            | RingFeatures.RING_PACKED | RingFeatures.IN_ORDER
            | bit(virtio_abi.VIRTIO_BLK_F_SIZE_MAX) | bit(virtio_abi.VIRTIO_BLK_F_SEG_MAX)
            | bit(virtio_abi.VIRTIO_BLK_F_GEOMETRY) | bit(virtio_abi.VIRTIO_BLK_F_RO)
            | bit(virtio_abi.VIRTIO_BLK_F_BLK_SIZE) | bit(virtio_abi.VIRTIO_BLK_F_FLUSH)
            | bit(virtio_abi.VIRTIO_BLK_F_TOPOLOGY) | CONFIG_WCE
            | bit(virtio_abi.VIRTIO_BLK_F_MQ) | bit(virtio_abi.VIRTIO_BLK_F_DISCARD)
            | bit(virtio_abi.VIRTIO_BLK_F_WRITE_ZEROES) | bit(virtio_abi.VIRTIO_BLK_F_SECURE_ERASE);

    private static final long PROTOCOL = ProtocolFeature.masks(ProtocolFeature.MQ, ProtocolFeature.REPLY_ACK,
            ProtocolFeature.BACKEND_REQ, ProtocolFeature.CONFIG, ProtocolFeature.INFLIGHT_SHMFD,
            ProtocolFeature.RESET_DEVICE, ProtocolFeature.STATUS);

    private final String id;
    private volatile RemoteConfigSpace space;
    /** What a reset has changed {@code writeback} to, or −1. */
    private int resetWce = -1;

    DiskRole(String id) {
        this.id = id;
    }

    private static long bit(int feature) {
        return 1L << feature;
    }

    /** The configuration space, once there was a back end. Any thread. */
    RemoteConfigSpace space() {
        return space;
    }

    @Override
    public String device() {
        return "drive " + id;
    }

    @Override
    public Class<?> logger() {
        return VhostUserBlockDevice.class;
    }

    @Override
    public String program() {
        return "vhost-user-blk";
    }

    @Override
    public long passedOn() {
        return PASSED_ON;
    }

    @Override
    public long protocol() {
        return PROTOCOL;
    }

    @Override
    public long multiQueue() {
        return bit(virtio_abi.VIRTIO_BLK_F_MQ);
    }

    @Override
    public int ringsEach() {
        return 1;
    }

    @Override
    public int configByteSize(long features) {
        return RemoteConfigSpace.byteSize(features);
    }

    @Override
    public void opened(BackendOffer offer, int queues) {
        space = new RemoteConfigSpace(offer.config(), queues);
    }

    @Override
    public void connected(BackendSession session, BackendOffer offer, VirtioActivation driver) {
        configured(offer.config(), driver);
    }

    @Override
    public void lost() {
        // The driver waits, and notices nothing but the time.
    }

    @Override
    public void beforeStart(BackendSession session) throws SessionException {
        writeWce(session, space.writtenWce());
    }

    private static void writeWce(BackendSession session, int value) throws SessionException {
        if (value >= 0) {
            session.writeConfig(RemoteConfigSpace.wceOffset(), value);
        }
    }

    @Override
    public void configured(byte[] fresh, VirtioActivation driver) {
        if (!space.differs(fresh)) {
            return;
        }
        if (driver == null) {
            space.set(fresh);
        } else {
            driver.events().changeConfig(() -> space.set(fresh));
        }
    }

    @Override
    public void reset() {
        resetWce = space.resetWce();
    }

    @Override
    public void afterReset(BackendSession session) throws SessionException {
        writeWce(session, resetWce);
    }

    @Override
    public boolean bearsLoss() {
        return false;
    }
}
