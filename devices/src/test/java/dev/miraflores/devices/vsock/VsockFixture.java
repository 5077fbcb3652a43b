// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vsock;

import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.vhost.FakeKernel;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A socket device on virtio-pci between a polite driver and a kernel that sends back what it gets. */
final class VsockFixture implements AutoCloseable {

    static final long CID = 5;
    static final long FEATURES = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC | 1L << 1;
    static final int QUEUE_SIZE = 16;
    static final int RX = 0;
    static final int TX = 1;
    static final int EVENT = 2;

    private static final long STOP_NS = 20_000_000_000L;
    private static final long RX_BUFFERS = 0x2_0000;
    private static final long TX_BUFFERS = 0x3_0000;
    private static final int BUFFER_BYTES = 64;

    final TestMachine machine = new TestMachine();
    final FakeKernel kernel = new FakeKernel(machine.ram());
    final VirtioVsockDevice device;
    final PciDriver driver;
    private final VirtioPciTransport transport;
    private final List<Integer> received = new ArrayList<>();
    private VirtqueueDriver rx;
    private VirtqueueDriver tx;

    VsockFixture(boolean msix) {
        this(msix, STOP_NS);
    }

    VsockFixture(boolean msix, long stopNs) {
        device = VirtioVsockDevice.open(CID, kernel.open(), stopNs);
        transport = new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells);
        driver = new PciDriver(machine, machine.pci.add(transport.function()), msix);
    }

    static QueueGeometry geometry(int queue) {
        long at = 0x1000 + 0x4000L * queue;
        return new QueueGeometry(QUEUE_SIZE, at, at + 0x1000, at + 0x2000);
    }

    /** From a reset to DRIVER_OK, with all buffers that the kernel may write to made available. */
    void start(int... queues) {
        driver.writeStatus(0);
        driver.addStatus(DeviceStatus.ACKNOWLEDGE);
        driver.addStatus(DeviceStatus.DRIVER);
        driver.acceptFeatures(FEATURES);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        for (int queue : queues) {
            driver.placeQueue(queue, geometry(queue));
            driver.enableQueue(queue);
        }
        rx = VirtqueueDriver.create(machine.ram(), geometry(RX), FEATURES);
        tx = VirtqueueDriver.create(machine.ram(), geometry(TX), FEATURES);
        received.clear();
        driver.addStatus(DeviceStatus.DRIVER_OK);
        for (int i = 0; i < QUEUE_SIZE; i++) {
            addRoom(i);
        }
        rx.publish();
        driver.notifyQueue(RX);
    }

    void start() {
        start(RX, TX, EVENT);
    }

    void awaitRunning() {
        await("running", kernel::isRunning);
    }

    void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + STOP_NS;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not in time: " + what + "; " + kernel.violations);
            }
            Thread.onSpinWait();
        }
    }

    private void addRoom(int slot) {
        int id = rx.add(new BufferElements().writable(RX_BUFFERS + (long) BUFFER_BYTES * slot, BUFFER_BYTES));
        if (id != slot) {
            throw new AssertionError("buffer " + slot + " has id " + id);
        }
    }

    /** Whether there is room for one more packet. */
    boolean send(int number) {
        if (tx.freeDescriptors() == 0) {
            while (tx.pollUsed() >= 0) {
                // Sent.
            }
        }
        long gpa = TX_BUFFERS + (long) BUFFER_BYTES * (number % QUEUE_SIZE);
        if (tx.freeDescriptors() == 0) {
            return false;
        }
        machine.ram().write(gpa, new byte[] {(byte) number, (byte) (number >>> 8), (byte) (number >>> 16), (byte) (number >>> 24)});
        tx.add(new BufferElements().readable(gpa, BUFFER_BYTES));
        tx.publish();
        driver.notifyQueue(TX);
        return true;
    }

    /** All that came since the start, in its order. */
    List<Integer> received() {
        for (int id = rx.pollUsed(); id >= 0; id = rx.pollUsed()) {
            byte[] bytes = new byte[4];
            machine.ram().read(RX_BUFFERS + (long) BUFFER_BYTES * id, bytes);
            received.add(bytes[0] & 0xff | (bytes[1] & 0xff) << 8 | (bytes[2] & 0xff) << 16 | bytes[3] << 24);
            addRoom(id);
            rx.publish();
            driver.notifyQueue(RX);
        }
        return received;
    }

    boolean needsReset() {
        return (driver.status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0;
    }

    @Override
    public void close() {
        machine.pci.remove(transport.function());
        transport.close();
        machine.close();
    }
}
