// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.virtio.QueueInterrupt;
import dev.miraflores.linux.EventFd;
import dev.miraflores.virtio.ring.Virtqueue;

/**
 * A ring as its front end has set it up so far.
 * <p>Thread: the session's; what signals, which is {@link #run}, its used buffer notification, the ring's I/O thread, and that alone,
 * so that nobody else is held up where the front end has a signal wait ({@link SignalWatch}).
 */
final class Vring implements QueueInterrupt {

    final int index;
    int size;
    VringAddress address;
    /** Where it goes on, in the form of SET_VRING_BASE: for a packed ring, in the upper half where it is used. */
    int base;
    /** Between SET_VRING_KICK and GET_VRING_BASE. */
    boolean started;
    boolean enabled;
    /** It, or its device, failed: it does not run until it is started anew. */
    boolean broken;
    /** Null while the front end wants to be polled. */
    EventFd kick;
    /** The device's, while it runs. */
    Virtqueue ring;
    /** That one, once it stands still, until the front end has been told where: its in-flight record is still to be ended. */
    Virtqueue stood;
    /** Counts the signals that go through it. */
    final SignalCount signals = new SignalCount();
    private final Runnable onJam;
    private volatile EventFd call;
    private volatile EventFd error;
    /** A signal had to be called out of waiting: there are no more. The I/O thread's. */
    private boolean jammed;

    /** @param onJam called on the I/O thread, once, where a signal waited for the front end; nothing is signalled any more then */
    Vring(int index, Runnable onJam) {
        this.index = index;
        this.onJam = onJam;
    }

    /** Whether it is to run, as far as it itself is concerned. */
    boolean isReady() {
        return started && enabled && !broken && size != 0 && address != null;
    }

    boolean isRunning() {
        return ring != null;
    }

    /** Sends a used buffer notification. */
    @Override
    public void run() {
        signal(call);
    }

    /** Says that it does not go on (SET_VRING_ERR). */
    void signalError() {
        signal(error);
    }

    private void signal(EventFd event) {
        if (event == null || jammed) {
            return;
        }
        boolean taken;
        signals.begin();
        try {
            taken = event.trySignal();
        } finally {
            signals.end();
        }
        if (!taken) {
            jammed = true;
            onJam.run();
        }
    }

    /** The one there was before, which its I/O thread may be about to signal. */
    EventFd replaceCall(EventFd next) {
        EventFd before = call;
        call = next;
        return before;
    }

    /** As {@link #replaceCall}. */
    EventFd replaceError(EventFd next) {
        EventFd before = error;
        error = next;
        return before;
    }

    void closeKick() {
        if (kick != null) {
            kick.close();
            kick = null;
        }
    }

    /** As it was at first, but for its descriptors. It does not run. */
    void reset() {
        size = 0;
        address = null;
        base = 0;
        started = false;
        enabled = false;
        broken = false;
        stood = null;
    }
}
