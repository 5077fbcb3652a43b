// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.entropy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoThread;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.virtio.DeviceStatus;
import dev.miraflores.devices.virtio.IoThreadCondition;
import dev.miraflores.devices.virtio.VirtioPciTransport;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The device on virtio-pci, served by its thread, from doorbell to message. */
@ExtendWith(IoThreadCondition.class)
@Timeout(60)
class VirtioEntropyDeviceTest {

    private static final long FEATURES =
            RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(64, 0x1000, 0x2000, 0x3000);
    private static final long BUFFER = 0x8000;

    private final TestMachine machine = new TestMachine();
    private final IoThread ioThread = IoThread.start("test-rng");
    private final VirtioPciTransport transport = new VirtioPciTransport(
            new VirtioEntropyDevice(ioThread), machine.ram(), machine.msis, machine.doorbells);
    private final PciDriver driver = new PciDriver(machine, machine.pci.add(transport.function()), true);

    @AfterEach
    void close() {
        machine.pci.remove(transport.function());
        transport.close();
        ioThread.close();
        machine.close();
    }

    private VirtqueueDriver start() {
        driver.writeStatus(0);
        driver.addStatus(DeviceStatus.ACKNOWLEDGE);
        driver.addStatus(DeviceStatus.DRIVER);
        driver.acceptFeatures(FEATURES);
        driver.addStatus(DeviceStatus.FEATURES_OK);
        driver.placeQueue(0, GEOMETRY);
        VirtqueueDriver ring = VirtqueueDriver.create(machine.ram(), GEOMETRY, FEATURES);
        driver.enableQueue(0);
        driver.addStatus(DeviceStatus.DRIVER_OK);
        return ring;
    }

    private void request(VirtqueueDriver ring, int byteSize) throws InterruptedException {
        assertTrue(ring.add(new BufferElements().writable(BUFFER, byteSize)) >= 0);
        if (ring.needsNotification()) {
            driver.notifyQueue(0);
        }
        while (ring.pollUsed() < 0) {
            Thread.sleep(1);
        }
        assertEquals(byteSize, ring.usedBytes());
    }

    @Test
    @Tag("virtio:2.2.2/only-supported")
    void shouldTellThatItIsAnEntropySourceWithoutConfig() {
        assertEquals(4, driver.deviceId());
        assertEquals(0, driver.capability(4));
        assertEquals(FEATURES, driver.deviceFeatures());
    }

    @Test
    void shouldAnswerRequestAfterRequestAndNotify() throws InterruptedException {
        VirtqueueDriver ring = start();
        for (int i = 0; i < 200; i++) {
            ring.enableNotifications();
            request(ring, 64);
            while (!driver.takeUsedBufferNotification(0)) {
                Thread.sleep(1);
            }
        }
    }

    /** Reset waits for the thread: nothing is written afterwards, and the next driver finds a fresh device. */
    @Test
    @Tag("virtio:2.4.1/quiet")
    @Tag("class:lifetime")
    void shouldWriteNothingAfterReset() throws InterruptedException {
        for (int round = 0; round < 50; round++) {
            VirtqueueDriver ring = start();
            request(ring, 16);
            for (int i = 0; i < 60; i++) {
                ring.add(new BufferElements().writable(BUFFER, 0x8000));
            }
            ring.publish();
            driver.notifyQueue(0);
            driver.writeStatus(0);
            byte[] before = new byte[0x8000];
            machine.ram().read(BUFFER, before);
            Thread.sleep(1);
            byte[] after = new byte[0x8000];
            machine.ram().read(BUFFER, after);
            assertEquals(-1, Arrays.mismatch(before, after));
        }
    }

    /** CVE-2024-3446's class: a buffer that is the device's own registers, or its doorbell, is no buffer. */
    @Test
    @Tag("class:reentrancy")
    void shouldNeverReachRegistersByWayOfADescriptor() throws InterruptedException {
        VirtqueueDriver ring = start();
        for (long gpa : new long[] {driver.common, driver.notify, driver.isr, machine.barAddress(driver.slot, 1)}) {
            assertTrue(ring.add(new BufferElements().writable(gpa, 4)) >= 0);
            ring.publish();
            driver.notifyQueue(0);
            while (ring.pollUsed() < 0) {
                Thread.sleep(1);
            }
            assertEquals(0, ring.usedBytes());
        }
        assertEquals(DeviceStatus.DRIVER_OK, driver.status() & (DeviceStatus.DRIVER_OK | DeviceStatus.DEVICE_NEEDS_RESET));
        request(ring, 64);
    }

    /** A ring that is broken costs the device, not its thread. */
    @Test
    void shouldNeedResetWhenRingBreaks() throws InterruptedException {
        start();
        machine.ram().write(0x2002, new byte[] {(byte) 0xff, (byte) 0x7f});
        driver.notifyQueue(0);
        while ((driver.status() & DeviceStatus.DEVICE_NEEDS_RESET) == 0) {
            Thread.sleep(1);
        }
        while (!driver.takeConfigNotification()) {
            Thread.sleep(1);
        }
        request(start(), 32);
    }
}
