// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.time.Duration;
import java.util.concurrent.Future;

/**
 * A disk or a network interface on its way out of a running machine.
 * <pre>
 *                   no answer in time
 *      ASKED &lt;==========================&gt; UNANSWERED
 *        |            askAgain                |
 *        |  the guest ejects it, or force     |
 *        +----------------+-------------------+
 *                         v
 *                      LEAVING ---- its I/O has finished, its image is unlocked ----&gt; REMOVED
 *                         |
 *                         +---- could not be ended ----&gt; FAILED </pre>
 * <p>Thread: any.
 */
public final class DeviceRemoval {

    /** How far a removal has come. */
    public enum State {
        /** The guest was asked to let go of the device. */
        ASKED,
        /** It has not, in the time that it had. It still may. */
        UNANSWERED,
        /** The device is out of its slot; what is in flight is being waited for. */
        LEAVING,
        /** The device is gone. */
        REMOVED,
        /** The device is out of its slot, but {@link #failure} kept it from ending: most likely I/O that hangs on the host. */
        FAILED
    }

    private final DeviceBays bays;
    private final DeviceBay bay;
    private State state;
    private String failure;
    private Future<?> deadline;

    DeviceRemoval(DeviceBays bays, DeviceBay bay, State state) {
        this.bays = bays;
        this.bay = bay;
        this.state = state;
    }

    /** The device's id. */
    public String id() {
        return bay.id();
    }

    public synchronized State state() {
        return state;
    }

    /** In {@link State#FAILED}, what happened, in one line; otherwise null. */
    public synchronized String failure() {
        return failure;
    }

    /**
     * Waits for the device to be gone, for the guest's time to be up, or for {@code timeout}, whatever is first.
     *
     * @return the state then
     */
    public synchronized State await(Duration timeout) throws InterruptedException {
        long end = System.nanoTime() + timeout.toNanos();
        while (state == State.ASKED || state == State.LEAVING) {
            long leftNs = end - System.nanoTime();
            if (leftNs <= 0) {
                break;
            }
            wait(leftNs / 1_000_000, (int) (leftNs % 1_000_000));
        }
        return state;
    }

    /** Asks a guest that has not answered once more. Does nothing where the device is out of its slot. */
    public void askAgain(Duration answerWithin) {
        bays.ask(this, answerWithin);
    }

    /**
     * Takes the device out of its slot whether the guest agrees or not, as by pulling a cable. What the guest has in flight is
     * finished, but the guest does not learn of it; it is told that the device is gone. Returns at once. Does
     * nothing where the device is out of its slot already, but for trying once more to end one that has {@link State#FAILED}.
     */
    public void force() {
        bays.force(bay);
    }

    DeviceBay bay() {
        return bay;
    }

    /** False where the device is out of its slot and there is nothing to ask for. */
    synchronized boolean asked() {
        boolean stillIn = state == State.ASKED || state == State.UNANSWERED;
        if (stillIn) {
            become(State.ASKED);
        }
        return stillIn;
    }

    /** What will say that the time is up; cancelled by an answer. */
    synchronized void deadline(Future<?> task) {
        stopClock();
        deadline = task;
        if (state != State.ASKED) {
            stopClock();
        }
    }

    /** False where the guest has answered meanwhile. */
    synchronized boolean unanswered() {
        boolean changed = state == State.ASKED;
        if (changed) {
            become(State.UNANSWERED);
        }
        return changed;
    }

    synchronized void leaving() {
        become(State.LEAVING);
    }

    /** Whether what failed is to be tried again. */
    synchronized boolean again() {
        boolean failed = state == State.FAILED;
        if (failed) {
            failure = null;
            become(State.LEAVING);
        }
        return failed;
    }

    synchronized void removed() {
        become(State.REMOVED);
    }

    /** The device went with the machine, unless it failed to. */
    synchronized void machineClosed() {
        if (state != State.FAILED) {
            become(State.REMOVED);
        }
    }

    synchronized void failed(String why) {
        failure = why;
        become(State.FAILED);
    }

    private void become(State next) {
        stopClock();
        state = next;
        notifyAll();
    }

    private void stopClock() {
        if (deadline != null) {
            deadline.cancel(false);
            deadline = null;
        }
    }
}
