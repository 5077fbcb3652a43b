// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vsock;

import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.vhost.VhostControl;
import dev.miraflores.devices.vhost.VhostDevice;
import dev.miraflores.devices.vhost.VhostException;
import dev.miraflores.devices.vhost.VhostKind;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.linux.Errno;
import dev.miraflores.virtio.ring.RingFeatures;

/**
 * A socket device, whose packets the host's kernel moves: host programs reach the guest by its context id with AF_VSOCK, and the
 * guest them by id 2.
 * <p>The event queue's buffers are the driver's for good: the one event there is tells of a transport that was interrupted, by a
 * migration, which does not happen here (§5.10.6.7).
 * <p>Thread: as {@link VirtioDevice}; pause and resume, any.
 * <p>Lifetime: until {@link #close}, which gives the context id back.
 * <p>Source: virtio 1.3 §5.10; linux/vhost.h.
 */
public final class VirtioVsockDevice implements VirtioDevice {

    /** Context ids that a guest may have (§5.10.4): 0 and 1 are reserved, 2 is the host, the last stands for any. */
    public static final long MIN_CID = 3;
    public static final long MAX_CID = 0xFFFF_FFFEL;

    private static final int QUEUES = 3;
    private static final int QUEUE_SIZE = 128;
    private static final int CONFIG_BYTES = Long.BYTES;
    private static final long F_SEQPACKET = 1L << 1;
    /** Of the rest that the kernel may have, some is vhost's own, and some needs a transport or memory that is not ours. */
    private static final long PASSED_ON =
            RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX | F_SEQPACKET;
    private static final long DEFAULT_STOP_NS = 30_000_000_000L;

    private final long cid;
    private final long features;
    private final VhostControl control;
    private final VsockLink link;

    private VirtioVsockDevice(VhostDevice vhost, long cid, long stopNs) {
        this.cid = cid;
        features = vhost.features() & PASSED_ON;
        ControlThread thread = new ControlThread("vhost-vsock");
        control = new VhostControl(thread, "vsock, guest-cid=" + cid, stopNs);
        link = new VsockLink(vhost, thread, cid);
        thread.start(link);
    }

    /**
     * Takes a context id for the guest.
     *
     * @param cid from {@link #MIN_CID} to {@link #MAX_CID}
     * @throws VhostException where the host does not have vhost-vsock for this user, or another guest has the id
     */
    public static VirtioVsockDevice open(long cid) {
        return open(cid, VhostKind.VSOCK.open(), DEFAULT_STOP_NS);
    }

    /** @param stopNs how long the kernel may take to stop, before a reset counts as hung */
    static VirtioVsockDevice open(long cid, VhostDevice vhost, long stopNs) {
        if (cid < MIN_CID || cid > MAX_CID) {
            vhost.close();
            throw new IllegalArgumentException("context id " + cid);
        }
        int rc = vhost.trySetGuestCid(cid);
        if (rc < 0 || (vhost.features() & RingFeatures.VERSION_1) == 0) {
            vhost.close();
            throw new VhostException(rc == -Errno.EADDRINUSE ? "another guest of this host has this id; choose another"
                : rc < 0 ? VhostKind.VSOCK.path() + ": VHOST_VSOCK_SET_GUEST_CID: " + Errno.name(-rc) + "; choose another"
                : VhostKind.VSOCK.path() + ": it only knows legacy devices; use a newer kernel");
        }
        return new VirtioVsockDevice(vhost, cid, stopNs);
    }

    public long cid() {
        return cid;
    }

    @Override
    public int deviceId() {
        return virtio_abi.VIRTIO_ID_VSOCK;
    }

    @Override
    public long features() {
        return features;
    }

    @Override
    public int queueCount() {
        return QUEUES;
    }

    @Override
    public int maxQueueSize(int index) {
        return QUEUE_SIZE;
    }

    @Override
    public int configByteSize() {
        return CONFIG_BYTES;
    }

    /** {@code guest_cid}, a le64, is all there is (§5.10.4). */
    @Override
    public long readConfig(int offset, int byteSize) {
        return cid >>> Byte.SIZE * offset;
    }

    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        // Nothing is the driver's to write.
    }

    @Override
    public void activate(VirtioActivation activation) {
        control.execute(() -> link.activate(activation));
    }

    /** Waits until the kernel has stopped; where that takes too long the device {@link #isHung} until it has. */
    @Override
    public void reset() {
        control.reset(link::reset);
    }

    @Override
    public boolean isHung() {
        return control.isHung();
    }

    /**
     * Returns when the kernel leaves guest memory alone.
     *
     * @throws dev.miraflores.devices.virtio.DrainException where that takes too long; it goes on then
     */
    public void pause() {
        control.pause(link::pause, link::resume);
    }

    /** Returns when the kernel has been told to go on. */
    public void resume() {
        control.call(link::resume);
    }

    /** @throws dev.miraflores.devices.virtio.MemoryInUseException where the kernel has not stopped yet; may be called again */
    @Override
    public void close() {
        control.close();
    }
}
