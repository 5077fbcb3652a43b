// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhost;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;

/**
 * Keeps the kernel's side of a device where driver, operator and machine want it: what the driver has started, whether the machine
 * runs, and that a device which cannot go on does nothing until its driver resets it.
 * <p>Thread: the control thread.
 */
public abstract class VhostLink implements ControlThread.Duty {

    private final LimitedLog log;
    /** What the driver has started; null while it has not. */
    private VirtioActivation driver;
    private boolean paused;
    private boolean failed;

    protected VhostLink(LimitedLog log) {
        this.log = log;
    }

    /** Brings the kernel's side to where it is wanted, see {@link #mayRun}. */
    protected abstract void advance();

    /** The driver has reset the device, or it ends: the kernel leaves guest memory alone when this returns. */
    public abstract void reset();

    /** Gives back what was opened; the device has been reset. */
    protected abstract void close();

    protected final void started(VirtioActivation with) {
        driver = with;
    }

    protected final void stopped() {
        driver = null;
        failed = false;
    }

    /** What the driver has started; null while it has not. */
    protected final VirtioActivation driver() {
        return driver;
    }

    protected final boolean mayRun() {
        return driver != null && !paused && !failed;
    }

    protected final boolean hasFailed() {
        return failed;
    }

    public final void pause() {
        paused = true;
        advance();
    }

    public final void resume() {
        paused = false;
        advance();
    }

    /** The device cannot go on until its driver resets it. */
    protected final void fail(String why) {
        if (driver != null && !failed) {
            failed = true;
            log.log(System.Logger.Level.ERROR, "needs a reset: " + why);
            driver.events().needsReset();
            advance();
        }
    }

    @Override
    public final void failed(Throwable bug) {
        log.log(System.Logger.Level.ERROR, "a mistake of ours", bug);
        if (driver != null) {
            driver.events().needsReset();
        }
    }

    @Override
    public final long waitNs() {
        return ControlThread.NEVER;
    }

    @Override
    public final void turn() {
        // All that is to be done comes as a message or an event.
    }

    @Override
    public final void ended() {
        try {
            reset();
        } finally {
            close();
        }
    }
}
