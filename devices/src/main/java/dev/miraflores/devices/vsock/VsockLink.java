// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vsock;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.vhost.KernelVrings;
import dev.miraflores.devices.vhost.VhostDevice;
import dev.miraflores.devices.vhost.VhostLink;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.linux.ErrnoException;
import java.util.List;

/**
 * Brings the kernel's side of the socket device to where the driver and the machine want it.
 * <p>Thread: the control thread.
 */
final class VsockLink extends VhostLink {

    private static final int RX = 0;
    private static final int TX = 1;

    private final VhostDevice vhost;
    private final ControlThread thread;
    private KernelVrings vrings;
    private boolean running;

    VsockLink(VhostDevice vhost, ControlThread thread, long cid) {
        super(new LimitedLog(VirtioVsockDevice.class, "vsock, guest-cid=" + cid + ": "));
        this.vhost = vhost;
        this.thread = thread;
    }

    void activate(VirtioActivation with) {
        started(with);
        DeviceQueue rx = with.queues().get(RX);
        DeviceQueue tx = with.queues().get(TX);
        // The kernel runs both or none.
        if (rx != null && tx != null) {
            vrings = new KernelVrings(vhost, with.memory(), List.of(rx, tx), thread,
                () -> fail("the kernel reports an error of a queue"));
            advance();
        }
    }

    @Override
    public void reset() {
        if (vrings != null) {
            vrings.disconnect();
            KernelVrings old = vrings;
            stop();
            vrings = null;
            old.close();
        }
        stopped();
    }

    @Override
    protected void close() {
        vhost.close();
    }

    @Override
    protected void advance() {
        boolean wanted = vrings != null && mayRun();
        if (wanted && !running) {
            start();
        } else if (!wanted && running) {
            stop();
        }
    }

    private void start() {
        try {
            vrings.prepare(driver().features());
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
}
