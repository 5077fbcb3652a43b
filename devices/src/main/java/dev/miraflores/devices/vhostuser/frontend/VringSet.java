// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.frontend;

import dev.miraflores.devices.vhostuser.ProtocolFeature;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * The rings that a driver has enabled, and what a back end leaves behind of them.
 * <p>Thread: the control thread.
 * <p>Lifetime: from the driver's start to its reset, over any number of back ends.
 */
final class VringSet implements AutoCloseable {

    private final VirtioActivation activation;
    private final int rings;
    private final List<Vring> vrings = new ArrayList<>();
    private InflightArea inflight;
    private int stopping;

    /**
     * @param rings   that the device has, enabled or not
     * @param onError called with the number of a ring that the back end cannot go on with
     */
    VringSet(VirtioActivation activation, int rings, ControlThread thread, IntConsumer onError) {
        this.activation = activation;
        this.rings = rings;
        try {
            for (DeviceQueue queue : activation.queues()) {
                if (queue != null) {
                    vrings.add(new Vring(queue, activation.features(), thread, () -> onError.accept(queue.index())));
                }
            }
        } catch (RuntimeException | Error e) {
            vrings.forEach(Vring::close);
            throw e;
        }
    }

    VirtioActivation activation() {
        return activation;
    }

    /** The driver wants no more notifications. */
    void disconnect() {
        vrings.forEach(Vring::disconnect);
    }

    /** Whether a back end has to take over what the one before had in flight. */
    boolean needsInflightArea() {
        return inflight != null;
    }

    /**
     * Tells a back end that knows features and memory all about the rings, and starts them.
     *
     * @param enabled rings below this are enabled
     */
    void start(BackendSession session, BackendOffer offer, int status, int enabled) throws SessionException {
        if (offer.has(ProtocolFeature.INFLIGHT_SHMFD)) {
            inflight = inflight == null ? session.newInflightArea(rings, largest()) : inflight;
            if (inflight != null) {
                session.setInflightArea(inflight);
            }
        }
        for (Vring vring : vrings) {
            vring.describe(session);
        }
        for (Vring vring : vrings) {
            vring.start(session, vring.index() < enabled);
        }
        session.setStatus(status);
        session.settle();
        vrings.forEach(Vring::wake);
    }

    /** Enables rings that run below {@code enabled}, and no others. */
    void enable(BackendSession session, int enabled) throws SessionException {
        for (Vring vring : vrings) {
            vring.enable(session, vring.index() < enabled);
        }
    }

    private int largest() {
        int size = 0;
        for (Vring vring : vrings) {
            size = Math.max(size, vring.size());
        }
        return size;
    }

    /** Asks the first ring to stop: whether there is none, and so all have. */
    boolean beginStop(BackendSession session) throws SessionException {
        stopping = 0;
        return askNext(session);
    }

    private boolean askNext(BackendSession session) throws SessionException {
        if (haveStopped()) {
            return true;
        }
        session.stopVring(vrings.get(stopping).index());
        return false;
    }

    /** Takes the answer of the ring that was asked, and asks the next: whether all have said where they stand. */
    boolean goOnStopping(BackendSession session) throws SessionException {
        if (haveStopped()) {
            throw session.unasked();
        }
        Vring vring = vrings.get(stopping);
        vring.stopped(activation.memory(), session.stoppedAt(vring.index()));
        stopping++;
        return askNext(session);
    }

    /** Whether all rings that were asked to stop have said where they stand. */
    boolean haveStopped() {
        return stopping == vrings.size();
    }

    /** Whether nothing is under way any more in rings that have stopped, as far as can be told. */
    boolean areFinished() {
        for (Vring vring : vrings) {
            if (!vring.isFinished()) {
                return false;
            }
        }
        return true;
    }

    /** The back end is gone: how many requests are lost, −1 where that cannot be told. See {@link Vring#lost}. */
    int lost() {
        int lost = 0;
        for (Vring vring : vrings) {
            int more = vring.lost(activation.memory(), inflight != null);
            lost = lost < 0 || more < 0 ? -1 : lost + more;
        }
        return lost;
    }

    @Override
    public void close() {
        vrings.forEach(Vring::close);
        if (inflight != null) {
            inflight.close();
        }
    }
}
