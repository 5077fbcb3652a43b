// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.aio.PolledSource;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.Virtqueue;

/**
 * A queue whose buffers are answered one after another: all that a device adds is what to do with one.
 * <p>A turn serves a few buffers only, and a long one can be left for the next turn to go on with, so that what a guest asks for
 * does not decide how long the thread's other work waits.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §2.7.13, §2.8.22: a device's side of the queue; one used buffer notification for a turn.
 */
public abstract class ServedQueue implements PolledSource {

    /** Instead of bytes written: the buffer is to be served once more, before any other, when that {@link #isReady}. */
    protected static final int UNFINISHED = -1;

    private final DeviceQueue queue;
    private final Virtqueue ring;
    private final DeviceEvents events;
    private final int turnBudget;
    /** A buffer that was left {@link #UNFINISHED}, or null. */
    private DescriptorChain held;
    private boolean unpublished;
    /** The driver broke the queue's rules, or we failed it: nothing is served until the device's reset. */
    private boolean broken;

    /** @param turnBudget how often {@link #serve} is called in a turn */
    protected ServedQueue(DeviceQueue queue, DeviceEvents events, int turnBudget) {
        this.queue = queue;
        this.ring = queue.ring();
        this.events = events;
        this.turnBudget = turnBudget;
    }

    /**
     * Does what one buffer asks for.
     *
     * @param chain holds until this returns anything but {@link #UNFINISHED}; a malformed one has no elements, and gets 0
     * @return bytes written, from the first device-writable one on, without a gap; or {@link #UNFINISHED}
     */
    protected abstract int serve(DescriptorChain chain);

    /**
     * Whether a buffer may be served now; asked before each. What makes it true again wakes the thread, by a timer or a
     * message: then all of its queues are looked at.
     */
    protected boolean isReady() {
        return true;
    }

    /** Ends the queue: DEVICE_NEEDS_RESET (§2.1.2). */
    private void fail() {
        broken = true;
        events.needsReset();
    }

    @Override
    public final boolean hasWork() {
        return !broken && (held != null || ring.hasAvailable()) && isReady();
    }

    @Override
    public final boolean poll() {
        if (!hasWork()) {
            return false;
        }
        ring.disableNotifications();
        for (int i = 0; i < turnBudget && isReady(); i++) {
            DescriptorChain chain = held != null ? held : ring.popChain();
            if (chain == null) {
                break;
            }
            int head = chain.head();
            int written = serve(chain);
            if (written == UNFINISHED) {
                held = chain;
                break;
            }
            held = null;
            ring.addUsed(head, written);
            unpublished = true;
        }
        if (ring.fault() != null) {
            fail();
        }
        return true;
    }

    @Override
    public final boolean enableEvents() {
        // Asked first, since who stands still is to leave the ring alone.
        return !broken && isReady() && (ring.enableNotifications() || held != null);
    }

    @Override
    public final void endTurn() {
        if (unpublished) {
            unpublished = false;
            if (ring.needsNotification()) {
                queue.interrupt().run();
            }
        }
    }

    @Override
    public final void onFailure(Throwable bug) {
        fail();
    }
}
