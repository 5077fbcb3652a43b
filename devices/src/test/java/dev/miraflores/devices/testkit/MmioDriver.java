// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.virtio.ring.QueueGeometry;

/** A driver over virtio-mmio (virtio 1.3 §4.2). */
public final class MmioDriver implements TransportDriver {

    private final TestMachine machine;
    private final long base;
    private final FakeInterruptLine line;

    public MmioDriver(TestMachine machine, long base, FakeInterruptLine line) {
        this.machine = machine;
        this.base = base;
        this.line = line;
    }

    public int get(int register) {
        return (int) machine.read(base + register, 4);
    }

    public void set(int register, int value) {
        machine.write(base + register, 4, value);
    }

    @Override
    public int deviceId() {
        return get(0x008);
    }

    @Override
    public int status() {
        return get(0x070);
    }

    @Override
    public void writeStatus(int value) {
        set(0x070, value);
    }

    @Override
    public long deviceFeatures() {
        set(0x014, 1);
        long high = get(0x010);
        set(0x014, 0);
        return high << 32 | get(0x010) & 0xffff_ffffL;
    }

    @Override
    public void acceptFeatures(long features) {
        acceptFeatureWord(0, (int) features);
        acceptFeatureWord(1, (int) (features >>> 32));
    }

    @Override
    public void acceptFeatureWord(int select, int word) {
        set(0x024, select);
        set(0x020, word);
    }

    @Override
    public int queueSize(int queue) {
        set(0x030, queue);
        return get(0x034);
    }

    @Override
    public void placeQueue(int queue, QueueGeometry geometry) {
        set(0x030, queue);
        set(0x038, geometry.size());
        set64(0x080, geometry.descGpa());
        set64(0x090, geometry.driverGpa());
        set64(0x0a0, geometry.deviceGpa());
    }

    private void set64(int register, long value) {
        set(register, (int) value);
        set(register + 4, (int) (value >>> 32));
    }

    @Override
    public void enableQueue(int queue) {
        set(0x030, queue);
        set(0x044, 1);
    }

    @Override
    public boolean isQueueEnabled(int queue) {
        set(0x030, queue);
        return get(0x044) == 1;
    }

    @Override
    public void notifyQueue(int queue) {
        set(0x050, queue);
    }

    @Override
    public int configGeneration() {
        return get(0x0fc);
    }

    @Override
    public long readConfig(int offset, int byteSize) {
        return machine.read(base + 0x100 + offset, byteSize);
    }

    @Override
    public void writeConfig(int offset, int byteSize, long value) {
        machine.write(base + 0x100 + offset, byteSize, value);
    }

    @Override
    public boolean takeUsedBufferNotification(int queue) {
        return take(1);
    }

    @Override
    public boolean takeConfigNotification() {
        return take(2);
    }

    private boolean take(int bit) {
        boolean raised = line.isAsserted() && (get(0x060) & bit) != 0;
        if (raised) {
            set(0x064, bit); // and not what has come since
        }
        return raised;
    }
}
