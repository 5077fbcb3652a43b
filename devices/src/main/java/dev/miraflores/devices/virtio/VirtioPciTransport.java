// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.Doorbells;
import dev.miraflores.devices.MsiController;
import dev.miraflores.devices.pci.Msix;
import dev.miraflores.devices.pci.PciFunction;
import dev.miraflores.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * A virtio device on PCI, without the legacy interface.
 * <pre>  BAR 0  0x0000  common configuration
 *          0x1000  ISR status
 *          0x2000  device-specific configuration
 *          0x3000  notifications, four bytes per queue
 *   BAR 1          MSI-X </pre>
 * <p>Thread: registers, any vCPU thread.
 * <p>Lifetime: {@code close} once its {@link #function} is off the bus or the vCPUs have stopped; it closes the device.
 * <p>Source: virtio 1.3 §4.1.
 */
public final class VirtioPciTransport implements ResettableDevice, AutoCloseable {

    private static final int REGISTERS_BAR = 0;
    private static final int MSIX_BAR = 1;
    // A page each, so that a hypervisor inside the guest can hand them out one by one.
    private static final int REGION_BYTES = 0x1000;
    private static final int COMMON_OFFSET = 0;
    private static final int ISR_OFFSET = REGION_BYTES;
    private static final int DEVICE_OFFSET = 2 * REGION_BYTES;
    private static final int NOTIFY_OFFSET = 3 * REGION_BYTES;
    private static final int NOTIFY_MULTIPLIER = 4;

    private final PciFunction function;
    private final Msix msix;
    private final PciNotifications notifications;
    private final PciDoorbells doorbells;
    private final VirtioDeviceState state;
    private final PciCommonConfig common;

    /** Makes the PCI function of {@code device}, which belongs to it from now on. */
    public VirtioPciTransport(VirtioDevice device, GuestMemory memory, MsiController msis, Doorbells doorbells) {
        if (device.configByteSize() > REGION_BYTES) {
            throw new IllegalArgumentException(device.configByteSize() + " bytes of device configuration");
        }
        function = new PciFunction(VirtioPciIdentity.of(device.deviceId()));
        // One for each queue and one for configuration changes, if there may be that many.
        msix = new Msix(Math.min(device.queueCount() + 1, Msix.MAX_VECTORS), msis);
        notifications = new PciNotifications(msix, function.intx());
        this.doorbells = new PciDoorbells(doorbells);
        state = new VirtioDeviceState(device, memory, new Hooks());
        common = new PciCommonConfig(state, notifications);
        addRegisters(device);
    }

    private void addRegisters(VirtioDevice device) {
        int notifyBytes = Math.max(REGION_BYTES, NOTIFY_MULTIPLIER * device.queueCount());
        long barBytes = Long.highestOneBit(2L * (NOTIFY_OFFSET + notifyBytes) - 1);
        Registers registers = new Registers();
        function.addMemoryBar(REGISTERS_BAR, barBytes, registers, doorbells);
        function.addMsix(MSIX_BAR, msix);
        PciCapabilities.addRegion(function, PciCapabilities.COMMON_CFG, REGISTERS_BAR, COMMON_OFFSET,
                PciCommonConfigLayout.BYTES);
        PciCapabilities.addRegion(function, PciCapabilities.ISR_CFG, REGISTERS_BAR, ISR_OFFSET, 1);
        if (device.configByteSize() > 0) {
            PciCapabilities.addRegion(function, PciCapabilities.DEVICE_CFG, REGISTERS_BAR, DEVICE_OFFSET,
                    device.configByteSize());
        }
        PciCapabilities.addNotifyRegion(function, REGISTERS_BAR, NOTIFY_OFFSET, notifyBytes, NOTIFY_MULTIPLIER);
        PciCapabilities.addConfigAccess(function, REGISTERS_BAR, registers, barBytes);
    }

    /** What to give to {@link dev.miraflores.devices.pci.PciRoot#add}. */
    public PciFunction function() {
        return function;
    }

    /**
     * Stops the device, sends nothing more, and closes it.
     *
     * @throws MemoryInUseException where the device is hung; to be called again then
     */
    @Override
    public void close() {
        state.close();
        msix.close();
    }

    @Override
    public void reset() {
        state.writeStatus(0);
    }

    @Override
    public boolean isHung() {
        return state.isHung();
    }

    /** Where in the BAR queue {@code index} is notified. */
    static int notifyOffset(int index) {
        return NOTIFY_OFFSET + NOTIFY_MULTIPLIER * index;
    }

    private final class Registers implements BusDevice {

        @Override
        public long read(long offset, int byteSize) {
            return switch ((int) (offset / REGION_BYTES)) {
                case COMMON_OFFSET / REGION_BYTES -> common.read((int) offset, byteSize);
                case ISR_OFFSET / REGION_BYTES -> offset == ISR_OFFSET ? notifications.readIsr() : 0;
                case DEVICE_OFFSET / REGION_BYTES -> state.readConfig(offset - DEVICE_OFFSET, byteSize);
                default -> 0;
            };
        }

        @Override
        public void write(long offset, int byteSize, long value) {
            switch ((int) (offset / REGION_BYTES)) {
                case COMMON_OFFSET / REGION_BYTES -> common.write((int) offset, byteSize, value);
                case ISR_OFFSET / REGION_BYTES -> { }
                case DEVICE_OFFSET / REGION_BYTES -> state.writeConfig(offset - DEVICE_OFFSET, byteSize, value);
                // The address says which queue; the value says it once more (§4.1.5.2).
                default -> state.kick((offset - NOTIFY_OFFSET) / NOTIFY_MULTIPLIER);
            }
        }
    }

    private final class Hooks implements TransportHooks {

        @Override
        public QueueInterrupt usedBufferNotification(QueueRegisters queue) {
            return notifications.usedBuffer(queue);
        }

        @Override
        public void notifyConfigChange() {
            notifications.configChange();
        }

        @Override
        public void activated() {
            List<QueueRegisters> enabled = new ArrayList<>();
            for (int i = 0; i < state.queueCount(); i++) {
                if (state.queue(i).isEnabled()) {
                    enabled.add(state.queue(i));
                }
            }
            doorbells.run(enabled);
        }

        @Override
        public void reset() {
            doorbells.run(List.of());
            notifications.reset();
            common.reset();
        }
    }
}
