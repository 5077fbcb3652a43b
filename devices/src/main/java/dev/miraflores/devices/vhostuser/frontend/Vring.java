// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.vhostuser.FrontendRequest;
import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.QueueInterrupt;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A ring that a back end serves: its events, and where it stands when no back end does.
 * <p>Thread: the control thread; {@link #routeChanged}, any.
 * <p>Lifetime: from the driver's start to its reset, over any number of back ends.
 */
final class Vring implements AutoCloseable {

    /** Where {@code idx} is in both rings of a split virtqueue (virtio 1.3 §2.7.6, §2.7.8). */
    private static final int IDX_OFFSET = 2;
    /** Both wrap counters are 1 at first (§2.8.1). */
    private static final int FRESH_PACKED = 1 << 15 | 1 << 31;
    private static final int IDX_MASK = 0xffff;

    private final DeviceQueue queue;
    private final boolean packed;
    private final boolean inOrder;
    private final ControlThread thread;
    private final EventFd call = EventFd.create();
    private final EventFd error = EventFd.create();
    private final AtomicBoolean routeStale = new AtomicBoolean();
    private final long errorWatch;
    private QueueInterrupt.Connection connection;
    private long callWatch;
    private boolean callWatched;
    /** The next buffer to be taken, as SET_VRING_BASE has it. */
    private int position;
    private boolean runs;
    private boolean ranBefore;

    /** @param onError called when the back end says that it cannot go on with the ring */
    Vring(DeviceQueue queue, long features, ControlThread thread, Runnable onError) {
        this.queue = queue;
        this.thread = thread;
        packed = (features & RingFeatures.RING_PACKED) != 0;
        inOrder = (features & RingFeatures.IN_ORDER) != 0;
        position = packed ? FRESH_PACKED : 0;
        errorWatch = thread.watch(error.number(), () -> {
            error.drain();
            onError.run();
        });
        connection = queue.interrupt().connect(call, this::routeChanged);
        followRoute();
    }

    int index() {
        return queue.index();
    }

    int size() {
        return queue.ring().geometry().size();
    }

    /** The transport has changed how the driver is notified. */
    private void routeChanged() {
        // One message at a time, however often the guest changes its mind.
        if (routeStale.compareAndSet(false, true)) {
            thread.execute(() -> {
                routeStale.set(false);
                followRoute();
            });
        }
    }

    /** Has the thread pass notifications on for as long as they do not go by themselves. */
    private void followRoute() {
        boolean wanted = connection != null && !connection.isDirect();
        if (wanted && !callWatched) {
            callWatch = thread.watch(call.number(), () -> {
                call.drain();
                queue.interrupt().run();
            });
        } else if (!wanted && callWatched) {
            thread.unwatch(call.number(), callWatch);
        }
        callWatched = wanted;
    }

    /** The driver wants no more notifications. */
    void disconnect() {
        if (connection != null) {
            connection.close();
            connection = null;
            followRoute();
        }
    }

    /** Tells a back end all about the ring; it starts with {@link #start}. */
    void describe(BackendSession session) throws SessionException {
        queue.kick().share();
        call.share();
        error.share();
        QueueGeometry geometry = queue.ring().geometry();
        session.setVring(FrontendRequest.SET_VRING_NUM, index(), geometry.size());
        session.setVring(FrontendRequest.SET_VRING_BASE, index(), position);
        // "A vring address description" names the parts as vhost does: used is the device's area, available the driver's.
        session.setVringAddress(new VringAddress(index(), 0, SharedMemory.userAddress(geometry.descGpa()),
            SharedMemory.userAddress(geometry.deviceGpa()), SharedMemory.userAddress(geometry.driverGpa()), 0));
        session.setVringEvent(FrontendRequest.SET_VRING_ERR, index(), error.number());
        session.setVringEvent(FrontendRequest.SET_VRING_CALL, index(), call.number());
    }

    void start(BackendSession session) throws SessionException {
        runs = true;
        session.setVringEvent(FrontendRequest.SET_VRING_KICK, index(), queue.kick().number());
        session.setVring(FrontendRequest.SET_VRING_ENABLE, index(), 1);
    }

    /**
     * Has the back end look at the ring, and the driver too: the one before may have taken a notification and done nothing
     * about it, or used buffers and died before it said so.
     */
    void wake() {
        queue.kick().signal();
        if (ranBefore) {
            queue.interrupt().run();
        }
        ranBefore = true;
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
        disconnect();
        thread.unwatch(error.number(), errorWatch);
        error.close();
        call.close();
    }
}
