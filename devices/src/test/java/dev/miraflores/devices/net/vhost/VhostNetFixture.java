// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import dev.miraflores.devices.net.NetDeviceConfig;
import dev.miraflores.devices.net.VirtioNetDevice;
import dev.miraflores.devices.testkit.EchoPair;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.vhost.FakeKernel;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A NIC of two queue pairs on virtio-pci, each pair between a polite driver and a kernel that sends back what it gets. */
final class VhostNetFixture implements AutoCloseable {

    static final int PAIRS = 2;
    static final int CONTROL = 2 * PAIRS;

    private static final long STOP_NS = 20_000_000_000L;
    private static final long COMMAND = 0x8_0000;
    private static final long ACK = COMMAND + 64;

    final TestMachine machine = new TestMachine();
    final List<FakeKernel> kernels = new ArrayList<>();
    final FakeTap tap = new FakeTap(PAIRS);
    final VirtioNetDevice device;
    final PciDriver driver;
    private final VirtioPciTransport transport;
    private final EchoPair[] pairs = new EchoPair[PAIRS];
    private VirtqueueDriver control;

    VhostNetFixture() {
        VhostNetPath path = VhostNetPath.open("n", tap, PAIRS, () -> {
            FakeKernel kernel = new FakeKernel(machine.ram());
            // VIRTIO_NET_F_MRG_RXBUF, and VHOST_NET_F_VIRTIO_NET_HDR, which a tap's own header is instead of.
            kernel.features = kernel.features & ~2 | 1 << 15 | 1 << 27;
            kernels.add(kernel);
            return kernel.open();
        }, STOP_NS);
        device = VirtioNetDevice.open(NetDeviceConfig.of("n", 0x02_00_00_00_00_01L).withQueues(PAIRS, EchoPair.QUEUE_SIZE), path);
        transport = new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells);
        driver = new PciDriver(machine, machine.pci.add(transport.function()), true);
    }

    /** From a reset to DRIVER_OK with all that is offered. */
    void start() {
        driver.writeStatus(0);
        driver.addStatus(DeviceStatus.ACKNOWLEDGE);
        driver.addStatus(DeviceStatus.DRIVER);
        long features = driver.deviceFeatures();
        driver.acceptFeatures(features);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        for (int queue = 0; queue <= CONTROL; queue++) {
            driver.placeQueue(queue, EchoPair.geometry(queue));
            driver.enableQueue(queue);
        }
        for (int i = 0; i < PAIRS; i++) {
            pairs[i] = new EchoPair(machine.ram(), driver, 2 * i, features);
        }
        control = VirtqueueDriver.create(machine.ram(), EchoPair.geometry(CONTROL), features);
        driver.addStatus(DeviceStatus.DRIVER_OK);
        for (EchoPair pair : pairs) {
            pair.fill();
        }
    }

    EchoPair pair(int index) {
        return pairs[index];
    }

    /** What the device answers to a command: 0 is VIRTIO_NET_OK. */
    int command(int... bytes) {
        byte[] command = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            command[i] = (byte) bytes[i];
        }
        machine.ram().write(COMMAND, command);
        machine.ram().write(ACK, new byte[] {77});
        control.add(new BufferElements().readable(COMMAND, command.length).writable(ACK, 1));
        control.publish();
        driver.notifyQueue(CONTROL);
        await("the command's answer", () -> control.pollUsed() >= 0);
        byte[] ack = new byte[1];
        machine.ram().read(ACK, ack);
        return ack[0];
    }

    /** VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET (virtio 1.3 §5.1.6.5.6). */
    int usePairs(int count) {
        return command(4, 0, count, 0);
    }

    boolean isServed(int pair) {
        return kernels.get(pair).isRunning();
    }

    void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + STOP_NS;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not in time: " + what + "; " + violations());
            }
            Thread.onSpinWait();
        }
    }

    List<String> violations() {
        List<String> all = new ArrayList<>();
        kernels.forEach(kernel -> all.addAll(kernel.violations));
        return all;
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
