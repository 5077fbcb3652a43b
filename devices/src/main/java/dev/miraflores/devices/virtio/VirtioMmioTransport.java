// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static dev.miraflores.devices.virtio.MmioLayout.*;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.Doorbells;
import dev.miraflores.devices.InterruptLine;
import dev.miraflores.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * A virtio device in a window of memory, with one interrupt line: virtio-mmio, version 2.
 * <p>The machine maps it at the address that it was made for, and tells the guest of it.
 * <p>Thread: registers, any vCPU thread.
 * <p>Lifetime: {@code close} once it is off the bus or the vCPUs have stopped; it closes the device.
 * <p>Source: virtio 1.3 §4.2.
 */
public final class VirtioMmioTransport implements BusDevice, ResettableDevice, AutoCloseable {

    /** Registers end at 0x0ff, configuration starts at 0x100 (§4.2.2); a page each keeps windows apart. */
    public static final long WINDOW_BYTES = 4096;

    private static final int MAGIC = 0x74726976;
    private static final int MODERN_VERSION = 2;
    private static final int VENDOR = 0x1af4;

    private final long gpa;
    private final Doorbells doorbells;
    private final InterruptStatus interrupts;
    private final VirtioDeviceState state;
    private final List<Doorbells.Binding> bindings = new ArrayList<>();
    private int deviceFeaturesSel;
    private int driverFeaturesSel;
    private int queueSel;

    /**
     * Makes the registers of {@code device}, which belongs to them from now on.
     *
     * @param gpa  where they will be mapped
     * @param line level-triggered
     */
    public VirtioMmioTransport(VirtioDevice device, GuestMemory memory, long gpa, InterruptLine line,
                               Doorbells doorbells) {
        if (device.configByteSize() > WINDOW_BYTES - CONFIG) {
            throw new IllegalArgumentException(device.configByteSize() + " bytes of device configuration");
        }
        this.gpa = gpa;
        this.doorbells = doorbells;
        interrupts = new InterruptStatus(line);
        state = new VirtioDeviceState(device, memory, new Hooks());
    }

    /** The first address of the window. */
    public long gpa() {
        return gpa;
    }

    @Override
    public long read(long offset, int byteSize) {
        if (offset >= CONFIG) {
            return state.readConfig(offset - CONFIG, byteSize);
        }
        // Only aligned accesses of four bytes exist below (§4.2.2.2).
        return byteSize == 4 ? readRegister((int) offset) & 0xffff_ffffL : 0;
    }

    @Override
    public void write(long offset, int byteSize, long value) {
        if (offset >= CONFIG) {
            state.writeConfig(offset - CONFIG, byteSize, value);
        } else if (byteSize == 4) {
            writeRegister((int) offset, (int) value);
        }
    }

    private int readRegister(int offset) {
        synchronized (state) {
            return switch (offset) {
                case MAGIC_VALUE -> MAGIC;
                case VERSION -> MODERN_VERSION;
                case DEVICE_ID -> state.deviceId();
                case VENDOR_ID -> VENDOR;
                case DEVICE_FEATURES -> state.deviceFeatures(deviceFeaturesSel);
                case QUEUE_SIZE_MAX -> queueSizeMax();
                case QUEUE_READY -> queueReady();
                case INTERRUPT_STATUS -> interrupts.read();
                case STATUS -> state.status();
                // A region that does not exist has length and base of all ones (§4.2.2.1).
                case SHM_LEN_LOW, SHM_LEN_HIGH, SHM_BASE_LOW, SHM_BASE_HIGH -> -1;
                case CONFIG_GENERATION -> state.configGeneration();
                default -> 0;
            };
        }
    }

    private int queueSizeMax() {
        QueueRegisters queue = state.queue(queueSel);
        return queue == null ? 0 : queue.maxSize;
    }

    private int queueReady() {
        QueueRegisters queue = state.queue(queueSel);
        return queue != null && queue.isEnabled() ? 1 : 0;
    }

    private void writeRegister(int offset, int value) {
        synchronized (state) {
            switch (offset) {
                case DEVICE_FEATURES_SEL -> deviceFeaturesSel = value;
                case DRIVER_FEATURES_SEL -> driverFeaturesSel = value;
                case DRIVER_FEATURES -> state.acceptFeatures(driverFeaturesSel, value);
                case QUEUE_SEL -> queueSel = value;
                case QUEUE_NOTIFY -> state.kick(value & 0xffff_ffffL);
                case INTERRUPT_ACK -> interrupts.acknowledge(value);
                case STATUS -> state.writeStatus(value);
                default -> writeQueueRegister(offset, value);
            }
        }
    }

    private void writeQueueRegister(int offset, int value) {
        if (offset == QUEUE_READY && value == 0) {
            state.disable(queueSel);
        }
        QueueRegisters queue = state.configurable(queueSel);
        if (queue == null) {
            return;
        }
        switch (offset) {
            case QUEUE_SIZE -> queue.setSize(value);
            case QUEUE_READY -> queue.setEnabled(value == 1);
            case QUEUE_DESC_LOW -> queue.setDescGpa(QueueRegisters.withLow(queue.descGpa(), value));
            case QUEUE_DESC_HIGH -> queue.setDescGpa(QueueRegisters.withHigh(queue.descGpa(), value));
            case QUEUE_DRIVER_LOW -> queue.setDriverGpa(QueueRegisters.withLow(queue.driverGpa(), value));
            case QUEUE_DRIVER_HIGH -> queue.setDriverGpa(QueueRegisters.withHigh(queue.driverGpa(), value));
            case QUEUE_DEVICE_LOW -> queue.setDeviceGpa(QueueRegisters.withLow(queue.deviceGpa(), value));
            case QUEUE_DEVICE_HIGH -> queue.setDeviceGpa(QueueRegisters.withHigh(queue.deviceGpa(), value));
            default -> { }
        }
    }

    @Override
    public void reset() {
        state.writeStatus(0);
    }

    @Override
    public boolean isHung() {
        return state.isHung();
    }

    /** Stops the device, sends nothing more, and closes it. */
    @Override
    public void close() {
        state.close();
    }

    private final class Hooks implements TransportHooks {

        @Override
        public QueueInterrupt usedBufferNotification(QueueRegisters queue) {
            return () -> interrupts.raise(InterruptStatus.USED_BUFFER);
        }

        @Override
        public void notifyConfigChange() {
            interrupts.raise(InterruptStatus.CONFIG_CHANGE);
        }

        @Override
        public void activated() {
            for (int i = 0; i < state.queueCount(); i++) {
                if (state.queue(i).isEnabled()) {
                    bindings.add(doorbells.bindMmio(gpa + QUEUE_NOTIFY, 4, i, state.queue(i).kick));
                }
            }
        }

        @Override
        public void reset() {
            bindings.forEach(Doorbells.Binding::close);
            bindings.clear();
            interrupts.readAndClear();
            deviceFeaturesSel = 0;
            driverFeaturesSel = 0;
            queueSel = 0;
        }
    }
}
