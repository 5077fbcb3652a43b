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

    /** Both wrap counters are 1 at first (§2.8.1). */
    private static final int FRESH_PACKED = 1 << 15 | 1 << 31;

    private final DeviceQueue queue;
    private final VringEvents events;
    private final boolean packed;
    private final boolean inOrder;
    /** The next buffer to be taken, as SET_VRING_BASE has it. */
    private int position;
    private boolean runs;
    /** What the back end that stopped it here had not finished. */
    private Remainder remainder = Remainder.NOTHING;

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
        remainder = Remainder.NOTHING;
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

    /** The back end has stopped it there; what it had taken may be under way still, see {@link #isFinished}. */
    void stopped(GuestMemory memory, int at) {
        QueueGeometry geometry = queue.ring().geometry();
        position = packed ? at : at & Remainder.IDX_MASK;
        remainder = packed ? Remainder.ofPacked(memory, geometry, inOrder, at) : Remainder.ofSplit(memory, geometry, position);
        runs = false;
    }

    /** Whether a back end that has stopped it has finished what it had taken, as far as can be told. */
    boolean isFinished() {
        return remainder.count() == 0;
    }

    /**
     * The back end is gone. Where it has left behind what was in flight its successor finds its way from there, whatever position
     * it is given. Otherwise only a ring with nothing in flight, or used in order, can go on.
     *
     * @return how many requests are lost, 0 for none; −1 where that cannot be told
     */
    int lost(GuestMemory memory, boolean hasInflightArea) {
        QueueGeometry geometry = queue.ring().geometry();
        int lost = remainder.count();
        if (runs) {
            lost = packed ? -1 : Remainder.idx(memory, geometry.driverGpa()) - Remainder.idx(memory, geometry.deviceGpa()) & Remainder.IDX_MASK;
        }
        if (runs || lost != 0) {
            position = packed ? FRESH_PACKED : Remainder.idx(memory, geometry.deviceGpa());
        }
        runs = false;
        remainder = Remainder.NOTHING;
        return hasInflightArea || inOrder && !packed ? 0 : lost;
    }

    @Override
    public void close() {
        events.close();
    }
}
