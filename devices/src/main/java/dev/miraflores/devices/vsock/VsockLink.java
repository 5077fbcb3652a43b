// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vsock;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.vhost.KernelVrings;
import dev.miraflores.devices.vhost.VhostDevice;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.linux.ErrnoException;
import java.util.List;

/**
 * Brings the kernel's side of the socket device to where the driver and the machine want it.
 * <p>Thread: the control thread.
 */
final class VsockLink implements ControlThread.Duty {

    private static final int RX = 0;
    private static final int TX = 1;

    private final VhostDevice vhost;
    private final ControlThread thread;
    private final LimitedLog log;
    /** What the driver has started; null while it has not. */
    private VirtioActivation driver;
    private KernelVrings vrings;
    private boolean running;
    private boolean paused;
    private boolean failed;

    VsockLink(VhostDevice vhost, ControlThread thread, long cid) {
        this.vhost = vhost;
        this.thread = thread;
        log = new LimitedLog(VirtioVsockDevice.class, "vsock, guest-cid=" + cid + ": ");
    }

    void activate(VirtioActivation with) {
        driver = with;
        DeviceQueue rx = with.queues().get(RX);
        DeviceQueue tx = with.queues().get(TX);
        // The kernel runs both or none.
        if (rx != null && tx != null) {
            vrings = new KernelVrings(vhost, with.memory(), List.of(rx, tx), thread,
                () -> fail("the kernel reports an error of a queue"));
            advance();
        }
    }

    void reset() {
        if (vrings != null) {
            vrings.disconnect();
            KernelVrings old = vrings;
            stop();
            vrings = null;
            old.close();
        }
        driver = null;
        failed = false;
    }

    void pause() {
        paused = true;
        advance();
    }

    void resume() {
        paused = false;
        advance();
    }

    private void advance() {
        boolean wanted = vrings != null && !paused && !failed;
        if (wanted && !running) {
            start();
        } else if (!wanted && running) {
            stop();
        }
    }

    private void start() {
        try {
            vrings.prepare(driver.features());
            vhost.setVsockRunning(true);
            running = true;
            vrings.wake();
        } catch (ErrnoException e) {
            fail(e.getMessage());
        }
    }

    /** The kernel touches neither rings nor buffers when this returns. */
    private void stop() {
        if (running) {
            vhost.setVsockRunning(false);
            running = false;
            vrings.takePositions();
        }
    }

    /** The device cannot go on until its driver resets it. */
    private void fail(String why) {
        if (driver != null && !failed) {
            failed = true;
            log.log(System.Logger.Level.ERROR, "needs a reset: " + why);
            driver.events().needsReset();
            advance();
        }
    }

    @Override
    public void failed(Throwable bug) {
        log.log(System.Logger.Level.ERROR, "a mistake of ours", bug);
        if (driver != null) {
            driver.events().needsReset();
        }
    }

    @Override
    public long waitNs() {
        return ControlThread.NEVER;
    }

    @Override
    public void turn() {
        // All that is to be done comes as a message or an event.
    }

    @Override
    public void ended() {
        try {
            reset();
        } finally {
            vhost.close();
        }
    }
}
