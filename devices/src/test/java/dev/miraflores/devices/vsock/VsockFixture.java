// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vsock;

import dev.miraflores.devices.testkit.EchoPair;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.vhost.FakeKernel;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A socket device on virtio-pci between a polite driver and a kernel that sends back what it gets. */
final class VsockFixture implements AutoCloseable {

    static final long CID = 5;
    static final long FEATURES = RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC | 1L << 1;
    static final int RX = 0;
    static final int TX = 1;
    static final int EVENT = 2;

    private static final long STOP_NS = 20_000_000_000L;

    final TestMachine machine = new TestMachine();
    final FakeKernel kernel = new FakeKernel(machine.ram());
    final VirtioVsockDevice device;
    final PciDriver driver;
    private final VirtioPciTransport transport;
    private EchoPair pair;

    VsockFixture(boolean msix) {
        this(msix, STOP_NS);
    }

    VsockFixture(boolean msix, long stopNs) {
        device = VirtioVsockDevice.open(CID, kernel.open(), stopNs);
        transport = new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells);
        driver = new PciDriver(machine, machine.pci.add(transport.function()), msix);
    }

    /** From a reset to DRIVER_OK, with all buffers that the kernel may write to made available. */
    void start(int... queues) {
        driver.writeStatus(0);
        driver.addStatus(DeviceStatus.ACKNOWLEDGE);
        driver.addStatus(DeviceStatus.DRIVER);
        driver.acceptFeatures(FEATURES);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        for (int queue : queues) {
            driver.placeQueue(queue, EchoPair.geometry(queue));
            driver.enableQueue(queue);
        }
        pair = new EchoPair(machine.ram(), driver, RX, FEATURES);
        driver.addStatus(DeviceStatus.DRIVER_OK);
        pair.fill();
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

    /** Whether there was room for one more packet. */
    boolean send(int number) {
        return pair.send(number);
    }

    /** All that came since the start, in its order. */
    List<Integer> received() {
        return pair.received();
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
