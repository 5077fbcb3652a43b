// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static dev.miraflores.devices.virtio.DeviceStatus.DEVICE_NEEDS_RESET;
import static dev.miraflores.devices.virtio.DeviceStatus.DRIVER_BITS;
import static dev.miraflores.devices.virtio.DeviceStatus.DRIVER_OK;
import static dev.miraflores.devices.virtio.DeviceStatus.FAILED;
import static dev.miraflores.devices.virtio.DeviceStatus.FEATURES_OK;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The part of a virtio device's registers that all transports share: status, feature negotiation, the queues' set-up,
 * and the device's configuration.
 * <pre>
 *   reset ── FEATURES_OK, if the features are a subset ── DRIVER_OK: queues are made, the device runs ── 0 written: the
 *   device stops, then all is as at first </pre>
 * <p>Thread: register accesses, any vCPU thread, under this object's lock, which is held around every call of the
 * {@link VirtioDevice}. The {@link DeviceEvents} that the device gets, any thread, without the lock: a reset holds it
 * while it waits for the device's thread. A reset that the device does not complete leaves DEVICE_NEEDS_RESET alone in the
 * status, until it does.
 * <p>Source: virtio 1.3 §2.1, §2.2, §2.5, §3.1.
 */
final class VirtioDeviceState implements DeviceEvents {

    private final VirtioDevice device;
    private final GuestMemory memory;
    private final TransportHooks transport;
    private final QueueRegisters[] queues;
    private final AtomicInteger status = new AtomicInteger();
    /** Around configuration and its generation; a leaf, held for nothing that waits. */
    private final Object configLock = new Object();
    private int configGeneration;
    /** The driver has looked at configuration or generation since that changed last. */
    private boolean configSeen;
    private long driverFeatures;
    private boolean unknownFeatureAccepted;
    private boolean active;
    private boolean closed;
    private boolean ended;
    private boolean brokenQueueLogged;

    VirtioDeviceState(VirtioDevice device, GuestMemory memory, TransportHooks transport) {
        this.device = device;
        this.memory = memory;
        this.transport = transport;
        queues = new QueueRegisters[device.queueCount()];
        for (int i = 0; i < queues.length; i++) {
            queues[i] = new QueueRegisters(i, device.maxQueueSize(i));
        }
    }

    int deviceId() {
        return device.deviceId();
    }

    int queueCount() {
        return queues.length;
    }

    /** Queue {@code select}, or {@code null} where there is none. */
    QueueRegisters queue(int select) {
        return select >= 0 && select < queues.length ? queues[select] : null;
    }

    /** Queue {@code select} while it may still be set up: neither is it enabled nor has the device started. */
    synchronized QueueRegisters configurable(int select) {
        QueueRegisters queue = queue(select);
        boolean started = (status.get() & DRIVER_OK) != 0;
        return queue == null || queue.isEnabled() || started || closed ? null : queue;
    }

    /** Undoes an enable, as virtio-mmio's QueueReady can; not once the device has started. */
    synchronized void disable(int select) {
        QueueRegisters queue = queue(select);
        if (queue != null && (status.get() & DRIVER_OK) == 0) {
            queue.setEnabled(false);
        }
    }

    /** An available buffer notification that was trapped. */
    synchronized void kick(long queueIndex) {
        if (queueIndex >= 0 && queueIndex < queues.length && !closed) {
            queues[(int) queueIndex].kick.signal();
        }
    }

    /** Feature bits {@code 32 * select} to {@code 32 * select + 31} that are offered. */
    int deviceFeatures(int select) {
        return word(device.features(), select);
    }

    synchronized int driverFeatures(int select) {
        return word(driverFeatures, select);
    }

    private static int word(long features, int select) {
        return switch (select) {
            case 0 -> (int) features;
            case 1 -> (int) (features >>> 32);
            default -> 0;
        };
    }

    /** The driver accepts features; too late once FEATURES_OK is set (§2.2, §3.1.1). */
    synchronized void acceptFeatures(int select, int word) {
        if ((status.get() & FEATURES_OK) != 0) {
            return;
        }
        switch (select) {
            case 0 -> driverFeatures = driverFeatures & ~0xffff_ffffL | word & 0xffff_ffffL;
            case 1 -> driverFeatures = driverFeatures & 0xffff_ffffL | (long) word << 32;
            default -> unknownFeatureAccepted |= word != 0;
        }
    }

    int status() {
        int now = status.get();
        // Its reset is over once nothing of it can write into guest memory any more: 0 then, and not before (§2.1.2).
        return now == DEVICE_NEEDS_RESET && !device.isHung() && status.compareAndSet(now, 0) ? 0 : now;
    }

    int configGeneration() {
        synchronized (configLock) {
            configSeen = true;
            return configGeneration;
        }
    }

    /** The driver writes the status field: 0 resets; otherwise bits are added, as a driver must not clear any (§2.1.1). */
    synchronized void writeStatus(int value) {
        if (closed) {
            return;
        }
        if (value == 0) {
            reset();
            return;
        }
        if (status() == DEVICE_NEEDS_RESET) {
            return; // the reset before is not over
        }
        int before = status.get();
        int added = value & DRIVER_BITS & ~before;
        if ((added & FEATURES_OK) != 0 && !featuresAcceptable()) {
            added &= ~FEATURES_OK;   // the driver reads it back and gives up (§2.2.2, §3.1.1)
        }
        int after = before | added;
        if ((after & FEATURES_OK) == 0 || (after & FAILED) != 0) {
            added &= ~DRIVER_OK;
        }
        status.getAndAccumulate(added, (old, more) -> old | more);
        if ((added & DRIVER_OK) != 0) {
            activate();
        }
    }

    /** No more than was offered, and no legacy driver (§2.2.2, §6.2). */
    private boolean featuresAcceptable() {
        return !unknownFeatureAccepted
                && (driverFeatures & ~device.features()) == 0
                && (driverFeatures & RingFeatures.VERSION_1) != 0;
    }

    private void activate() {
        List<DeviceQueue> made = new ArrayList<>(queues.length);
        for (QueueRegisters queue : queues) {
            DriverFault fault = queue.isEnabled() ? Virtqueue.check(memory, queue.geometry(), driverFeatures) : null;
            if (fault != null) {
                logBrokenQueue(queue, fault);
                needsReset();
                return;
            }
            made.add(queue.isEnabled() ? deviceQueue(queue) : null);
        }
        active = true;
        transport.activated();
        device.activate(new VirtioActivation(driverFeatures, memory, Collections.unmodifiableList(made), this));
    }

    private DeviceQueue deviceQueue(QueueRegisters queue) {
        Virtqueue ring = Virtqueue.create(memory, queue.geometry(), driverFeatures);
        return new DeviceQueue(queue.index, ring, queue.kick, transport.usedBufferNotification(queue));
    }

    /** Once per device: a guest can cause this as often as it likes. */
    private void logBrokenQueue(QueueRegisters queue, DriverFault fault) {
        if (!brokenQueueLogged) {
            brokenQueueLogged = true;
            System.getLogger(VirtioDeviceState.class.getName()).log(System.Logger.Level.WARNING,
                    "virtio device " + deviceId() + " needs a reset: queue " + queue.index + " is " + fault);
        }
    }

    /** Whether something of the host's may yet write into guest memory. */
    boolean isHung() {
        return device.isHung();
    }

    private void reset() {
        if (active) {
            active = false;
            device.reset();
        }
        transport.reset();
        for (QueueRegisters queue : queues) {
            queue.reset();
        }
        driverFeatures = 0;
        unknownFeatureAccepted = false;
        // Alone, the bit says that the reset is not over.
        status.set(device.isHung() ? DEVICE_NEEDS_RESET : 0);
    }

    /** Reads device-specific configuration; what lies outside reads as zero. */
    synchronized long readConfig(long offset, int byteSize) {
        int end = device.configByteSize();
        if (closed || offset < 0 || offset >= end) {
            return 0;
        }
        synchronized (configLock) {
            configSeen = true;
            if (offset + byteSize <= end) {
                return device.readConfig((int) offset, byteSize);
            }
            long value = 0;
            for (int i = (int) (end - offset) - 1; i >= 0; i--) {
                value = value << 8 | device.readConfig((int) offset + i, 1) & 0xff;
            }
            return value;
        }
    }

    /** Writes device-specific configuration; an access that passes the end is ignored. */
    synchronized void writeConfig(long offset, int byteSize, long value) {
        if (!closed && offset >= 0 && offset + byteSize <= device.configByteSize()) {
            device.writeConfig((int) offset, byteSize, value);
        }
    }

    @Override
    public void configChanged() {
        changeConfig(() -> { });
    }

    @Override
    public void changeConfig(Runnable change) {
        synchronized (configLock) {
            change.run();
            // Once between two looks of the driver: 256 times would show the same 8 bits again (§4.1.4.3.1).
            configGeneration += configSeen ? 1 : 0;
            configSeen = false;
        }
        if ((status.get() & DRIVER_OK) != 0) {
            transport.notifyConfigChange();
        }
    }

    @Override
    public void needsReset() {
        int before = status.getAndUpdate(old -> (old & DRIVER_OK) != 0 ? old | DEVICE_NEEDS_RESET : old);
        // Only a driver that has started hears of it (§2.1.2), and only once.
        if ((before & DRIVER_OK) != 0 && (before & DEVICE_NEEDS_RESET) == 0) {
            transport.notifyConfigChange();
        }
    }

    /**
     * Stops the device for good. Register accesses that still come do nothing.
     *
     * @throws MemoryInUseException where the device is hung; to be called again then
     */
    synchronized void close() {
        if (!closed) {
            reset();
            closed = true;
        }
        if (!ended) {
            device.close();
            ended = true;
            for (QueueRegisters queue : queues) {
                queue.kick.close();
            }
        }
    }
}
