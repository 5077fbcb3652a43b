// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.kvm.Vm;
import java.util.function.BooleanSupplier;

/**
 * Who asks for a reset, and when it comes: the vCPUs are called out of the guest by the request itself, so that the one that made
 * it executes nothing more, and held until the machine is reset. A machine that does not reboot ends instead.
 * <p>However many ask while one is under way, one more follows. A guest that does nothing but reset itself so costs the host no
 * more than one thread and one event that waits to be told.
 * <p>Thread: any; its own does the resetting, from {@link #start} on.
 * <p>Lifetime: {@link #close} when the vCPUs have ended, before the devices do.
 */
final class Resets implements AutoCloseable {

    // That the machine was stopped meanwhile is seen this soon by who waits for a listener.
    private static final long LOOK_MS = 50;

    /** Hears of each reset, on a thread that may wait. */
    interface Telling {

        /** Calls {@code told} when all have heard. */
        void tell(boolean byGuest, Runnable told);
    }

    private final Vm vm;
    private final boolean reboots;
    private Thread thread;
    private boolean wanted;
    private boolean byGuest;
    /** The listeners have not heard of the last one yet. */
    private boolean telling;
    private boolean closed;

    Resets(Vm vm, boolean reboots) {
        this.vm = vm;
        this.reboots = reboots;
    }

    /** Asks for one, without waiting for it. For vCPU threads too. */
    void request(boolean fromGuest) {
        if (!reboots) {
            vm.requestStop(new StopCause.Reset(fromGuest));
            return;
        }
        synchronized (this) {
            if (!closed && vm.requestHold()) {
                byGuest = wanted ? byGuest : fromGuest;
                wanted = true;
                notifyAll();
            }
        }
    }

    /**
     * From now on they come; one that was asked for already does at once.
     *
     * @param reset resets the machine, whose vCPUs are held; false where it was stopped instead
     */
    synchronized void start(BooleanSupplier reset, Telling listeners) {
        if (reboots && !closed) {
            thread = Thread.ofPlatform().name(vm.name() + "-reset").daemon().start(() -> run(reset, listeners));
        }
    }

    private void run(BooleanSupplier reset, Telling listeners) {
        try {
            while (awaitWanted()) {
                if (!vm.awaitHeld() || !awaitTold()) {
                    return;
                }
                boolean fromGuest = take();
                if (!reset.getAsBoolean()) {
                    return;
                }
                listeners.tell(fromGuest, this::told);
                release();
            }
        } catch (RuntimeException | Error failure) {
            // The guest is neither what it was nor what it is to be.
            vm.requestStop(new StopCause.HostFailure(failure, null));
        } catch (InterruptedException e) {
            vm.requestStop(new StopCause.HostFailure(e, null));
        }
    }

    private synchronized boolean awaitWanted() throws InterruptedException {
        while (!wanted && !closed) {
            wait();
        }
        return !closed;
    }

    /** Not faster than it is heard of. False where the machine has ended. */
    private synchronized boolean awaitTold() throws InterruptedException {
        while (telling && !closed && vm.stopCause() == null) {
            wait(LOOK_MS);
        }
        return !telling;
    }

    private synchronized boolean take() {
        wanted = false;
        telling = true;
        return byGuest;
    }

    private synchronized void told() {
        telling = false;
        notifyAll();
    }

    /** Unless one more is wanted: then they stay where they are. */
    private synchronized void release() {
        if (!wanted) {
            vm.release();
        }
    }

    /** Returns when none is under way. */
    @Override
    public void close() {
        Thread resetting;
        synchronized (this) {
            closed = true;
            resetting = thread;
            notifyAll();
        }
        boolean interrupted = false;
        while (resetting != null && resetting.isAlive()) {
            try {
                resetting.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
