// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

/**
 * Whether a VM's vCPU threads may enter the guest, and the waiting for them to have left it.
 * <pre>             start            pause
 *      NEW ----------> RUNNING <=======> PAUSED
 *       |                |      resume     |
 *       +----------------+-----------------+---- stop ----> STOPPING ----> STOPPED
 *                                                            the last thread has ended </pre>
 * <p>Beside the pause, which is its users', there is the hold, which is the machine's own while it resets: a thread waits for
 * as long as there is either.
 * <p>A request changes the state first and kicks the vCPUs then. A vCPU that is called out of the guest takes its kick
 * back first and looks at the state then ({@link Vcpu}), so one of the two sees the other.
 * <p>Thread: {@link #enter} and {@link #ended}, vCPU threads; the rest, any.
 */
final class RunGate {
    /** Set while there is anything to look at: the only thing read when there is not. */
    private volatile boolean attention;

    private boolean paused;
    private boolean held;
    private StopCause cause;
    private int live;
    private int parked;

    /** Counts the threads that are about to start; false when the VM has been stopped already. */
    synchronized boolean start(int threads) {
        if (cause != null) {
            return false;
        }
        live += threads;
        return true;
    }

    /**
     * Called by a vCPU's thread outside of the guest, with no access of the guest unfinished. Waits while the VM is
     * paused or held.
     *
     * @return false when the thread is to end
     */
    boolean enter(Vcpu vcpu) {
        return !attention || enterSlowly(vcpu);
    }

    private synchronized boolean enterSlowly(Vcpu vcpu) {
        if (mustWait()) {
            vcpu.parked(true);
            parked++;
            notifyAll();
            boolean interrupted = false;
            while (mustWait()) {
                interrupted |= waitHere();
            }
            parked--;
            vcpu.parked(false);
            restore(interrupted);
        }
        return cause == null;
    }

    private boolean mustWait() {
        return (paused || held) && cause == null;
    }

    /** Called by a vCPU's thread as the last thing. */
    synchronized void ended() {
        live--;
        notifyAll();
    }

    /** Asks for a pause; the kick is the caller's. False when the VM has been stopped. */
    synchronized boolean requestPause() {
        if (cause != null) {
            return false;
        }
        paused = true;
        attention = true;
        return true;
    }

    /** Waits until all threads have left the guest; false when the VM was resumed or stopped meanwhile. */
    synchronized boolean awaitPaused() {
        boolean interrupted = false;
        while (paused && cause == null && parked < live) {
            interrupted |= waitHere();
        }
        restore(interrupted);
        return paused && cause == null;
    }

    /** Lets the threads go on; false when the VM was not paused. */
    synchronized boolean resume() {
        boolean wasPaused = paused;
        paused = false;
        attention = cause != null || held;
        notifyAll();
        return wasPaused;
    }

    /** Asks for a hold; the kick is the caller's. False when the VM has been stopped. */
    synchronized boolean requestHold() {
        if (cause != null) {
            return false;
        }
        held = true;
        attention = true;
        return true;
    }

    /** Waits until all threads have left the guest; false when the VM was stopped meanwhile. */
    synchronized boolean awaitHeld() {
        boolean interrupted = false;
        while (held && cause == null && parked < live) {
            interrupted |= waitHere();
        }
        restore(interrupted);
        return held && cause == null;
    }

    /** Ends the hold; a pause stays. */
    synchronized void release() {
        held = false;
        attention = cause != null || paused;
        notifyAll();
    }

    synchronized boolean isHeld() {
        return held;
    }

    /** Asks for the end; the kick is the caller's. False when another cause came first. */
    synchronized boolean requestStop(StopCause stopCause) {
        if (cause != null) {
            return false;
        }
        cause = stopCause;
        attention = true;
        notifyAll();
        return true;
    }

    /** Why the VM was stopped, or null. */
    synchronized StopCause cause() {
        return cause;
    }

    synchronized boolean isPaused() {
        return paused && cause == null;
    }

    /** Waits until the VM was stopped and all threads have left; null when the time is up, 0 waits for ever. */
    synchronized StopCause awaitStopped(long timeoutNs) throws InterruptedException {
        long deadline = System.nanoTime() + timeoutNs;
        while (cause == null || live > 0) {
            if (timeoutNs == 0) {
                wait();
                continue;
            }
            long leftNs = deadline - System.nanoTime();
            if (leftNs <= 0) {
                return null;
            }
            wait(leftNs / 1_000_000, (int) (leftNs % 1_000_000));
        }
        return cause;
    }

    /** Waits for a change; true when the thread was interrupted, which must not end the waiting. */
    private boolean waitHere() {
        try {
            wait();
            return false;
        } catch (InterruptedException e) {
            return true;
        }
    }

    private static void restore(boolean interrupted) {
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
