// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.VirtioDevice;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.function.BooleanSupplier;

/** A NIC on virtio-pci, and a polite driver of it: each of its pairs is an {@link EchoPair}. */
public final class EchoNic implements AutoCloseable {

    private static final long PATIENCE_NS = 20_000_000_000L;
    private static final long COMMAND = 0x8_0000;
    private static final long ACK = COMMAND + 64;

    public final PciDriver driver;
    private final TestMachine machine;
    private final VirtioPciTransport transport;
    private final EchoPair[] pairs;
    private VirtqueueDriver control;

    /** @param pairs that it has */
    public EchoNic(TestMachine machine, VirtioDevice device, int pairs) {
        this.machine = machine;
        this.pairs = new EchoPair[pairs];
        transport = new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells);
        driver = new PciDriver(machine, machine.pci.add(transport.function()), true);
    }

    /** From a reset to DRIVER_OK with all that is offered but {@code without}. */
    public void start(long without) {
        driver.writeStatus(0);
        driver.addStatus(DeviceStatus.ACKNOWLEDGE);
        driver.addStatus(DeviceStatus.DRIVER);
        long features = driver.deviceFeatures() & ~without;
        driver.acceptFeatures(features);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        for (int queue = 0; queue <= 2 * pairs.length; queue++) {
            driver.placeQueue(queue, EchoPair.geometry(queue));
            driver.enableQueue(queue);
        }
        for (int i = 0; i < pairs.length; i++) {
            pairs[i] = new EchoPair(machine.ram(), driver, 2 * i, features);
        }
        control = VirtqueueDriver.create(machine.ram(), EchoPair.geometry(2 * pairs.length), features);
        driver.addStatus(DeviceStatus.DRIVER_OK);
        for (EchoPair pair : pairs) {
            pair.fill();
        }
    }

    public EchoPair pair(int index) {
        return pairs[index];
    }

    /** What the device answers to a command: 0 is VIRTIO_NET_OK. */
    public int command(int... bytes) {
        byte[] command = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            command[i] = (byte) bytes[i];
        }
        machine.ram().write(COMMAND, command);
        machine.ram().write(ACK, new byte[] {77});
        control.add(new BufferElements().readable(COMMAND, command.length).writable(ACK, 1));
        control.publish();
        driver.notifyQueue(2 * pairs.length);
        await("the command's answer", () -> control.pollUsed() >= 0);
        byte[] ack = new byte[1];
        machine.ram().read(ACK, ack);
        return ack[0];
    }

    /** VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET (virtio 1.3 §5.1.6.5.6). */
    public int usePairs(int count) {
        return command(4, 0, count, 0);
    }

    public boolean needsReset() {
        return (driver.status() & DeviceStatus.DEVICE_NEEDS_RESET) != 0;
    }

    public static void await(String what, BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE_NS;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not in time: " + what);
            }
            Thread.onSpinWait();
        }
    }

    /** Ends the device, and the machine. */
    @Override
    public void close() {
        machine.pci.remove(transport.function());
        transport.close();
        machine.close();
    }
}
