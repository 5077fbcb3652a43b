// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.devices.vring.VringEvents;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;

/**
 * A ring that a back end serves, and where it stands when no back end does.
 * <p>Thread: the control thread.
 * <p>Lifetime: from the driver's start to its reset, over any number of back ends.
 */
final class Vring implements AutoCloseable {

    /** Where {@code idx} is in both rings of a split virtqueue (virtio 1.3 §2.7.6, §2.7.8). */
    private static final int IDX_OFFSET = 2;
    /** Both wrap counters are 1 at first (§2.8.1). */
    private static final int FRESH_PACKED = 1 << 15 | 1 << 31;
    private static final int IDX_MASK = 0xffff;

    private final DeviceQueue queue;
    private final VringEvents events;
    private final boolean packed;
    private final boolean inOrder;
    /** The next buffer to be taken, as SET_VRING_BASE has it. */
    private int position;
    private boolean runs;

    /** @param onError called when the back end says that it cannot go on with the ring */
    Vring(DeviceQueue queue, long features, ControlThread thread, Runnable onError) {
        this.queue = queue;
        packed = (features & RingFeatures.RING_PACKED) != 0;
        inOrder = (features & RingFeatures.IN_ORDER) != 0;
        position = packed ? FRESH_PACKED : 0;
        events = new VringEvents(queue, thread, onError);
    }

    int index() {
        return queue.index();
    }

    int size() {
        return queue.ring().geometry().size();
    }

    /** The driver wants no more notifications. */
    void disconnect() {
        events.disconnect();
    }

    /** Tells a back end all about the ring; it starts with {@link #start}. */
    void describe(BackendSession session) throws SessionException {
        events.share();
        QueueGeometry geometry = queue.ring().geometry();
        session.setVring(FrontendRequest.SET_VRING_NUM, index(), geometry.size());
        session.setVring(FrontendRequest.SET_VRING_BASE, index(), position);
        // "A vring address description" names the parts as vhost does: used is the device's area, available the driver's.
        session.setVringAddress(new VringAddress(index(), 0, SharedMemory.userAddress(geometry.descGpa()),
            SharedMemory.userAddress(geometry.deviceGpa()), SharedMemory.userAddress(geometry.driverGpa()), 0));
        session.setVringEvent(FrontendRequest.SET_VRING_ERR, index(), events.error());
        session.setVringEvent(FrontendRequest.SET_VRING_CALL, index(), events.call());
    }

    void start(BackendSession session, boolean enabled) throws SessionException {
        runs = true;
        session.setVringEvent(FrontendRequest.SET_VRING_KICK, index(), events.kick());
        enable(session, enabled);
    }

    /** A ring that is not enabled runs, and nothing is done with what is in it ("Ring states"). */
    void enable(BackendSession session, boolean enabled) throws SessionException {
        session.setVring(FrontendRequest.SET_VRING_ENABLE, index(), enabled ? 1 : 0);
    }

    /** See {@link VringEvents#wake}. */
    void wake() {
        events.wake();
    }

    boolean runs() {
        return runs;
    }

    /** The back end has stopped it there. */
    void stopped(int at) {
        position = packed ? at : at & IDX_MASK;
        runs = false;
    }

    /**
     * The back end is gone. Where it has left behind what was in flight its successor finds its way from there, whatever position
     * it is given. Otherwise only a ring with nothing in flight, or used in order, can go on.
     *
     * @return how many requests are lost, 0 for none; −1 where that cannot be told
     */
    int lost(GuestMemory memory, boolean hasInflightArea) {
        if (!runs) {
            return 0;
        }
        runs = false;
        if (packed) {
            position = FRESH_PACKED;
            return hasInflightArea ? 0 : -1;
        }
        QueueGeometry geometry = queue.ring().geometry();
        position = idx(memory, geometry.deviceGpa());
        int inFlight = idx(memory, geometry.driverGpa()) - position & IDX_MASK;
        return hasInflightArea || inOrder ? 0 : inFlight;
    }

    private static int idx(GuestMemory memory, long ringGpa) {
        byte[] idx = new byte[Short.BYTES];
        memory.read(ringGpa + IDX_OFFSET, idx);
        return idx[0] & 0xff | (idx[1] & 0xff) << 8;
    }

    @Override
    public void close() {
        events.close();
    }
}
