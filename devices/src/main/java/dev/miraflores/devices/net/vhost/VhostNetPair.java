// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import dev.miraflores.devices.net.NetPort;
import dev.miraflores.devices.vhost.KernelVrings;
import dev.miraflores.devices.vhost.VhostDevice;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.devices.vring.ControlThread;
import dev.miraflores.linux.ErrnoException;
import java.util.List;

/**
 * A queue pair that one open /dev/vhost-net serves.
 * <p>Thread: the control thread.
 * <p>Lifetime: {@link #attach} and {@link #detach} alternate; {@link #close} after the latter.
 */
final class VhostNetPair implements AutoCloseable {

    private static final int RX = 0;
    private static final int TX = 1;
    /** VHOST_NET_SET_BACKEND with this takes the tap away. */
    private static final int NO_TAP = -1;

    private final VhostDevice vhost;
    private final NetPort port;
    private KernelVrings vrings;
    private boolean running;

    VhostNetPair(VhostDevice vhost, NetPort port) {
        this.vhost = vhost;
        this.port = port;
    }

    /** The driver has started pair {@code index}, whose queues may not be enabled: then it is never served. */
    void attach(VirtioActivation driver, int index, ControlThread thread, Runnable onError) {
        DeviceQueue rx = driver.queues().get(2 * index);
        DeviceQueue tx = driver.queues().get(2 * index + 1);
        if (rx != null && tx != null) {
            vrings = new KernelVrings(vhost, driver.memory(), List.of(rx, tx), thread, onError);
        }
    }

    /**
     * Has the kernel move packets.
     *
     * @throws ErrnoException where it refuses; then it moves none
     */
    void start(long features) {
        if (vrings == null || running) {
            return;
        }
        vrings.prepare(features);
        running = true;
        try {
            vhost.setNetBackend(RX, port.descriptor());
            vhost.setNetBackend(TX, port.descriptor());
        } catch (ErrnoException e) {
            stop();
            throw e;
        }
        vrings.wake();
    }

    /** The kernel touches neither rings nor buffers when this returns, and has done with what it had begun. */
    void stop() {
        if (running) {
            vhost.setNetBackend(RX, NO_TAP);
            vhost.setNetBackend(TX, NO_TAP);
            running = false;
            vrings.takePositions();
        }
    }

    /** The driver is reset. */
    void detach() {
        if (vrings != null) {
            vrings.disconnect();
            stop();
            KernelVrings old = vrings;
            vrings = null;
            old.close();
        }
    }

    @Override
    public void close() {
        vhost.close();
    }
}
