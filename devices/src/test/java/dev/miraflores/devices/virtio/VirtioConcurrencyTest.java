// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.FakeMsiController.Message;
import dev.miraflores.devices.testkit.FakeVirtioDevice;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Several vCPUs at the registers while the device's thread notifies. */
@Timeout(60)
class VirtioConcurrencyTest {

    private static final QueueGeometry GEOMETRY = new QueueGeometry(8, 0x1000, 0x2000, 0x3000);
    private static final int ACCESSES = 20_000;

    private final AtomicLong notifications = new AtomicLong();
    private final AtomicReference<Throwable> thrown = new AtomicReference<>();

    /** A device whose thread does nothing but notify, and whose reset waits for that thread. */
    private final class NotifyingDevice implements VirtioDevice {

        private final FakeVirtioDevice description = new FakeVirtioDevice();
        private volatile boolean running;
        private Thread thread;

        @Override
        public int deviceId() {
            return description.deviceId();
        }

        @Override
        public long features() {
            return description.features();
        }

        @Override
        public int queueCount() {
            return description.queueCount();
        }

        @Override
        public int maxQueueSize(int index) {
            return description.maxQueueSize(index);
        }

        @Override
        public int configByteSize() {
            return description.configByteSize();
        }

        @Override
        public long readConfig(int offset, int byteSize) {
            return description.readConfig(offset, byteSize);
        }

        @Override
        public void writeConfig(int offset, int byteSize, long value) {
            description.writeConfig(offset, byteSize, value);
        }

        @Override
        public void activate(VirtioActivation activation) {
            running = true;
            thread = start(() -> {
                while (running) {
                    for (DeviceQueue queue : activation.queues()) {
                        if (queue != null) {
                            queue.interrupt().run();
                            notifications.incrementAndGet();
                        }
                    }
                    activation.events().configChanged();
                    activation.events().needsReset();
                }
            });
        }

        @Override
        public void reset() {
            if (thread != null) {
                running = false;
                join(thread);
                thread = null;
            }
        }

        @Override
        public void close() {
            reset();
        }
    }

    private Thread start(Runnable work) {
        return Thread.ofPlatform().start(() -> {
            try {
                work.run();
            } catch (RuntimeException | Error e) {
                thrown.compareAndSet(null, e);
            }
        });
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldNeitherThrowNorBlockUnderStormFromSeveralVcpus() {
        try (TestMachine machine = new TestMachine();
             VirtioPciTransport transport =
                     new VirtioPciTransport(new NotifyingDevice(), machine.ram(), machine.msis, machine.doorbells)) {
            int slot = machine.pci.add(transport.function());
            PciDriver driver = new PciDriver(machine, slot, true);
            List<Thread> vcpus = new ArrayList<>();
            for (int vcpu = 0; vcpu < 3; vcpu++) {
                Random random = new Random(vcpu);
                vcpus.add(start(() -> storm(machine, driver, random)));
            }
            vcpus.forEach(VirtioConcurrencyTest::join);
            machine.pci.remove(transport.function());
        }
        assertNull(thrown.get(), () -> "thrown: " + thrown.get());
        assertTrue(notifications.get() > 0);
    }

    private static void storm(TestMachine machine, PciDriver driver, Random random) {
        int control = machine.findCapability(driver.slot, 0x11, 0) + 2;
        long[] areas = {driver.common, driver.isr, driver.device, driver.notify,
                machine.map.ecamBase() + ((long) driver.slot << 15)};
        for (int i = 0; i < ACCESSES; i++) {
            switch (random.nextInt(64)) {
                case 0 -> {
                    machine.configWrite(driver.slot, 0x10, 4, 0xc000_0000L);
                    machine.configWrite(driver.slot, 0x04, 2, 2);
                    bringUp(driver);
                }
                case 1 -> driver.writeStatus(0);
                case 2, 3 -> machine.configWrite(driver.slot, control, 2, random.nextInt() & 0xc000);
                case 4 -> machine.configWrite(driver.slot, 0x10, 4, 0xc000_0000L + (random.nextInt(4) << 16));
                case 5, 6, 7 -> machine.msis.takeMessages();
                default -> {
                    long gpa = areas[random.nextInt(areas.length)] + random.nextInt(0x40);
                    int byteSize = 1 << random.nextInt(4);
                    if (random.nextBoolean()) {
                        machine.write(gpa, byteSize, random.nextLong());
                    } else {
                        machine.read(gpa, byteSize);
                    }
                }
            }
        }
    }

    private static void bringUp(PciDriver driver) {
        driver.writeStatus(0);
        driver.writeStatus(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
        driver.acceptFeatures(RingFeatures.VERSION_1);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        driver.placeQueue(0, GEOMETRY);
        driver.enableQueue(0);
        driver.addStatus(DeviceStatus.DRIVER_OK);
    }

    /** PCI 3.0 §6.8.3.5: however masking and signalling interleave, what came while masked comes after it. */
    @Test
    void shouldLoseNoNotificationWhileVectorIsMaskedAndUnmasked() {
        FakeVirtioDevice device = new FakeVirtioDevice();
        try (TestMachine machine = new TestMachine();
             VirtioPciTransport transport =
                     new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells)) {
            int slot = machine.pci.add(transport.function());
            PciDriver driver = new PciDriver(machine, slot, true);
            bringUp(driver);
            long control = machine.barAddress(slot, 1) + 16 + 12;
            Runnable interrupt = device.activation().queues().get(0).interrupt();
            for (int round = 0; round < 2000; round++) {
                Thread io = start(interrupt);
                machine.write(control, 4, 1);
                machine.write(control, 4, 0);
                join(io);
                assertEquals(List.of(new Message(0xfee0_0000L, 0x31)), machine.msis.takeMessages());
            }
            machine.pci.remove(transport.function());
        }
        assertNull(thrown.get());
    }
}
