// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.virtio.ring.QueueGeometry;
import java.util.ArrayList;
import java.util.List;

/** A driver over virtio-pci (virtio 1.3 §4.1), which finds its way by the capabilities; with MSI-X or without. */
public final class PciDriver implements TransportDriver {

    private static final long MSI_ADDRESS = 0xfee0_0000L;
    private static final int MSI_DATA = 0x30;
    private static final int MSIX_ENABLE = 0x8000;

    public final TestMachine machine;
    public final int slot;
    public final long common;
    public final long isr;
    public final long device;
    public final long notify;
    public final int notifyMultiplier;
    private final boolean msix;
    private final List<Integer> arrived = new ArrayList<>();
    private int isrSeen;

    public PciDriver(TestMachine machine, int slot, boolean msix) {
        this.machine = machine;
        this.slot = slot;
        this.msix = msix;
        common = region(1);
        notify = region(2);
        isr = region(3);
        device = region(4);
        notifyMultiplier = (int) machine.configRead(slot, capability(2) + 16, 4);
        if (msix) {
            int capability = machine.findCapability(slot, 0x11, 0);
            long table = machine.barAddress(slot, (int) machine.configRead(slot, capability + 4, 4) & 7);
            int vectors = 1 + ((int) machine.configRead(slot, capability + 2, 2) & 0x7ff);
            for (int vector = 0; vector < vectors; vector++) {
                machine.write(table + 16L * vector, 8, MSI_ADDRESS);
                machine.write(table + 16L * vector + 8, 8, MSI_DATA + vector);
            }
            machine.configWrite(slot, capability + 2, 2, MSIX_ENABLE);
        }
    }

    /** The configuration space offset of the capability with this cfg_type, or 0. */
    public int capability(int type) {
        int at = 0;
        do {
            at = machine.findCapability(slot, 0x09, at);
        } while (at != 0 && machine.configRead(slot, at + 3, 1) != type);
        return at;
    }

    private long region(int type) {
        int at = capability(type);
        return at == 0 ? 0 : machine.barAddress(slot, (int) machine.configRead(slot, at + 4, 1))
                + machine.configRead(slot, at + 8, 4);
    }

    public int get(int register, int byteSize) {
        return (int) machine.read(common + register, byteSize);
    }

    public void set(int register, int byteSize, long value) {
        machine.write(common + register, byteSize, value);
    }

    @Override
    public int deviceId() {
        return (int) machine.configRead(slot, 2, 2) - 0x1040;
    }

    @Override
    public int status() {
        return get(0x14, 1);
    }

    /** As drivers do: vectors are set up again by who starts the device again. */
    @Override
    public void writeStatus(int value) {
        set(0x14, 1, value);
    }

    @Override
    public long deviceFeatures() {
        set(0x00, 4, 1);
        long high = get(0x04, 4);
        set(0x00, 4, 0);
        return high << 32 | get(0x04, 4) & 0xffff_ffffL;
    }

    @Override
    public void acceptFeatures(long features) {
        acceptFeatureWord(0, (int) features);
        acceptFeatureWord(1, (int) (features >>> 32));
    }

    @Override
    public void acceptFeatureWord(int select, int word) {
        set(0x08, 4, select);
        set(0x0c, 4, word);
    }

    @Override
    public int queueSize(int queue) {
        set(0x16, 2, queue);
        return get(0x18, 2);
    }

    @Override
    public void placeQueue(int queue, QueueGeometry geometry) {
        set(0x16, 2, queue);
        set(0x18, 2, geometry.size());
        set64(0x20, geometry.descGpa());
        set64(0x28, geometry.driverGpa());
        set64(0x30, geometry.deviceGpa());
        if (msix) {
            set(0x10, 2, 0);
            set(0x1a, 2, 1 + queue);
        }
    }

    private void set64(int register, long value) {
        set(register, 4, value);
        set(register + 4, 4, value >>> 32);
    }

    @Override
    public void enableQueue(int queue) {
        set(0x16, 2, queue);
        set(0x1c, 2, 1);
    }

    @Override
    public boolean isQueueEnabled(int queue) {
        set(0x16, 2, queue);
        return get(0x1c, 2) == 1;
    }

    @Override
    public void notifyQueue(int queue) {
        set(0x16, 2, queue);
        machine.write(notify + (long) notifyMultiplier * get(0x1e, 2), 2, queue);
    }

    @Override
    public int configGeneration() {
        return get(0x15, 1);
    }

    @Override
    public long readConfig(int offset, int byteSize) {
        return machine.read(device + offset, byteSize);
    }

    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        machine.write(device + offset, byteSize, value);
    }

    @Override
    public boolean takeUsedBufferNotification(int queue) {
        return msix ? takeVector(1 + queue) : takeIsr(1);
    }

    @Override
    public boolean takeConfigNotification() {
        return msix ? takeVector(0) : takeIsr(2);
    }

    private boolean takeVector(int vector) {
        machine.msis.takeMessages().forEach(message -> arrived.add(message.data() - MSI_DATA));
        return arrived.remove((Integer) vector);
    }

    private boolean takeIsr(int bit) {
        if (machine.gsis[16 + slot % 8].isAsserted()) {
            isrSeen |= (int) machine.read(isr, 1);
        }
        boolean raised = (isrSeen & bit) != 0;
        isrSeen &= ~bit;
        return raised;
    }
}
