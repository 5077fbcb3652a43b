// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.devices.vhostuser.VringAddress;
import dev.miraflores.devices.virtio.QueueInterrupt;
import dev.miraflores.linux.EventFd;
import dev.miraflores.virtio.ring.Virtqueue;

/**
 * A ring as its front end has set it up so far.
 * <p>Thread: the session's; {@link #run}, which is its used buffer notification, the ring's I/O thread; {@link #signalError}, any.
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
    private volatile EventFd call;
    private EventFd error;

    Vring(int index) {
        this.index = index;
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
        EventFd now = call;
        if (now != null) {
            now.signal();
        }
    }

    /** The one there was before, which its I/O thread may be about to signal. */
    EventFd replaceCall(EventFd next) {
        EventFd before = call;
        call = next;
        return before;
    }

    /** Says that it does not go on (SET_VRING_ERR). */
    synchronized void signalError() {
        if (error != null) {
            error.signal();
        }
    }

    synchronized void setError(EventFd next) {
        if (error != null) {
            error.close();
        }
        error = next;
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
    }

    /** Closes its descriptors, which nobody uses any more. */
    void close() {
        closeKick();
        EventFd last = replaceCall(null);
        if (last != null) {
            last.close();
        }
        setError(null);
    }
}
