// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static dev.miraflores.devices.virtio.DeviceStatus.ACKNOWLEDGE;
import static dev.miraflores.devices.virtio.DeviceStatus.DEVICE_NEEDS_RESET;
import static dev.miraflores.devices.virtio.DeviceStatus.DRIVER;
import static dev.miraflores.devices.virtio.DeviceStatus.DRIVER_OK;
import static dev.miraflores.devices.virtio.DeviceStatus.FAILED;
import static dev.miraflores.devices.virtio.DeviceStatus.FEATURES_OK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.FakeVirtioDevice;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.devices.testkit.TransportDriver;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What holds for every transport; a subclass supplies it. */
abstract class VirtioTransportContract {

    static final QueueGeometry GEOMETRY = new QueueGeometry(8, 0x1000, 0x2000, 0x3000);
    static final QueueGeometry OUTSIDE = new QueueGeometry(8, TestMachine.RAM_BYTES - 16, 0x2000, 0x3000);

    final TestMachine machine = new TestMachine();
    final FakeVirtioDevice device = new FakeVirtioDevice();
    TransportDriver driver;

    /** Closes the transport. */
    abstract void closeTransport();

    /** The transport. */
    abstract ResettableDevice transport();

    /** The reset of the machine is that of a driver (§2.4). */
    @Test
    void shouldBeAsNewAfterAResetOfTheMachine() {
        start();
        device.activation().queues().get(0).interrupt().run();
        device.activation().events().configChanged();
        transport().reset();
        assertFalse(device.isActive());
        assertFalse(transport().isHung());
        assertEquals(0, driver.status());
        assertEquals(0, machine.doorbells.count());
        assertFalse(machine.gsis[5].isAsserted() || machine.gsis[17].isAsserted());
        assertEquals(FakeVirtioDevice.MAX_SIZE, driver.queueSize(0));
        start();
        assertTrue(device.isActive());
    }

    @Test
    void shouldTellThatAResetOfTheMachineIsNotOver() {
        start();
        device.hung = true;
        transport().reset();
        assertTrue(transport().isHung());
        device.hung = false;
        assertFalse(transport().isHung());
        assertEquals(0, driver.status());
    }

    @AfterEach
    void close() {
        closeTransport();
        assertEquals("close", device.calls.getLast());
        assertEquals(0, machine.doorbells.count());
        assertEquals(0, machine.msis.connections());
        machine.close();
    }

    final void negotiate(long features) {
        driver.writeStatus(0);
        driver.addStatus(ACKNOWLEDGE);
        driver.addStatus(DRIVER);
        driver.acceptFeatures(features);
        driver.addStatus(FEATURES_OK);
    }

    /** Brings the device up as §3.1.1 says, with queue 0 only. */
    final void start() {
        negotiate(RingFeatures.VERSION_1);
        driver.placeQueue(0, GEOMETRY);
        driver.enableQueue(0);
        driver.addStatus(DRIVER_OK);
    }

    /** §2.2, §5: what the device says is what the driver sees. */
    @Test
    @Tag("virtio:4.1.4.3.1/device-feature")
    void shouldTellDeviceIdFeaturesAndQueues() {
        assertEquals(FakeVirtioDevice.ID, driver.deviceId());
        assertEquals(FakeVirtioDevice.FEATURES, driver.deviceFeatures());
        assertEquals(FakeVirtioDevice.MAX_SIZE, driver.queueSize(0));
        assertEquals(FakeVirtioDevice.MAX_SIZE, driver.queueSize(1));
        assertEquals(0, driver.queueSize(2));
        assertEquals(0, driver.status());
    }

    /** §2.1.2: 0 says that the device can be used again, and nothing of it touches guest memory any more. */
    @Test
    @Tag("virtio:2.4.1/status-zero")
    @Tag("virtio:4.1.4.3.1/reset")
    void shouldNotShowAResetAsDoneBeforeItIs() {
        start();
        device.hung = true;
        driver.writeStatus(0);
        assertEquals(DEVICE_NEEDS_RESET, driver.status());
        driver.writeStatus(ACKNOWLEDGE);
        driver.writeStatus(0);
        assertEquals(DEVICE_NEEDS_RESET, driver.status());
        device.hung = false;
        assertEquals(0, driver.status());
        start();
        assertTrue(device.isActive());
    }

    /** §3.1.1: the sequence, at the end of which the device is live. */
    @Test
    @Tag("virtio:2.1.2/before-driver-ok")
    @Tag("virtio:4.2.2.1/queue-ready")
    void shouldActivateOnDriverOk() {
        negotiate(RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX);
        assertEquals(ACKNOWLEDGE | DRIVER | FEATURES_OK, driver.status());
        driver.placeQueue(0, GEOMETRY);
        driver.enableQueue(0);
        assertEquals(List.of(), device.calls);
        driver.addStatus(DRIVER_OK);

        assertEquals(List.of("activate"), device.calls);
        assertEquals(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK, driver.status());
        VirtioActivation activation = device.activation();
        assertEquals(RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX, activation.features());
        assertTrue(activation.has(29));
        assertFalse(activation.has(5));
        assertEquals(8, activation.queues().get(0).ring().size());
        assertNull(activation.queues().get(1));
    }

    /** §2.2.2: FEATURES_OK is refused to a driver that accepts what was not offered. */
    @Test
    @Tag("virtio:2.2.2/refuse")
    void shouldRefuseFeaturesThatWereNotOffered() {
        negotiate(RingFeatures.VERSION_1 | 1L << 6);
        assertEquals(ACKNOWLEDGE | DRIVER, driver.status());
        driver.addStatus(DRIVER_OK);
        assertEquals(ACKNOWLEDGE | DRIVER, driver.status());

        driver.acceptFeatures(RingFeatures.VERSION_1);
        driver.addStatus(FEATURES_OK);
        assertEquals(ACKNOWLEDGE | DRIVER | FEATURES_OK, driver.status());
    }

    /** §2.2.2: the same for bits beyond 63. */
    @Test
    @Tag("virtio:2.2.2/refuse")
    void shouldRefuseFeaturesBeyondTheSecondWord() {
        driver.acceptFeatureWord(2, 0);
        negotiate(RingFeatures.VERSION_1);
        assertEquals(FEATURES_OK, driver.status() & FEATURES_OK);

        driver.writeStatus(0);
        driver.acceptFeatureWord(2, 1);
        driver.acceptFeatures(RingFeatures.VERSION_1);
        driver.addStatus(ACKNOWLEDGE | DRIVER | FEATURES_OK);
        assertEquals(0, driver.status() & FEATURES_OK);
    }

    /** §6.2: a device that offers VIRTIO_F_VERSION_1 may insist on it. */
    @Test
    void shouldRefuseLegacyDriver() {
        negotiate(0);
        assertEquals(ACKNOWLEDGE | DRIVER, driver.status());
    }

    /** §3.1.1: features are final once FEATURES_OK is set. */
    @Test
    @Tag("class:queue-frozen")
    void shouldFreezeFeaturesOnceAccepted() {
        negotiate(RingFeatures.VERSION_1);
        driver.acceptFeatures(FakeVirtioDevice.FEATURES);
        driver.addStatus(DRIVER_OK);

        assertEquals(RingFeatures.VERSION_1, device.activation().features());
    }

    /** §3.1.1: no DRIVER_OK without FEATURES_OK. */
    @Test
    @Tag("virtio:2.1.2/before-driver-ok")
    void shouldIgnoreDriverOkWithoutFeaturesOk() {
        driver.writeStatus(ACKNOWLEDGE | DRIVER | DRIVER_OK);

        assertEquals(ACKNOWLEDGE | DRIVER, driver.status());
        assertFalse(device.isActive());
    }

    /** §2.1.1: a driver must not clear bits, must not set DEVICE_NEEDS_RESET. */
    @Test
    void shouldKeepBitsThatDriverClearsAndOwnBitsThatItSets() {
        driver.writeStatus(ACKNOWLEDGE | DRIVER);
        driver.writeStatus(DRIVER | DEVICE_NEEDS_RESET | 0x30);

        assertEquals(ACKNOWLEDGE | DRIVER, driver.status());
    }

    /** §2.1: FAILED means that the driver has given up. */
    @Test
    void shouldNotStartForDriverThatFailed() {
        negotiate(RingFeatures.VERSION_1);
        driver.addStatus(FAILED);
        driver.addStatus(DRIVER_OK);

        assertFalse(device.isActive());
        assertEquals(FAILED, driver.status() & (FAILED | DRIVER_OK));
    }

    /** §2.1.2, §2.4: writing 0 brings everything back to how it was at first. */
    @Test
    @Tag("virtio:2.4.1/status-zero")
    @Tag("virtio:4.1.4.3.1/reset")
    @Tag("virtio:4.1.4.3.1/queue-enable")
    @Tag("virtio:4.2.2.1/reset-queues")
    void shouldResetWhenStatusIsWrittenZero() {
        start();
        driver.writeStatus(0);

        assertEquals(List.of("activate", "reset"), device.calls);
        assertEquals(0, driver.status());
        assertFalse(driver.isQueueEnabled(0));
        assertEquals(FakeVirtioDevice.MAX_SIZE, driver.queueSize(0));
        assertEquals(0, machine.doorbells.count());
        start();
        assertEquals(List.of("activate", "reset", "activate"), device.calls);
    }

    /** §2.4: a kick from before a reset is not one for the next driver. */
    @Test
    @Tag("virtio:2.4.1/quiet")
    void shouldForgetKicksOnReset() {
        start();
        driver.notifyQueue(0);
        start();

        assertEquals(0, device.serveIfKicked(0));
        assertEquals(0, device.activation().queues().get(0).kick().drain());
    }

    /** §2.1.2: a queue that cannot be is an unrecoverable error. */
    @Test
    void shouldNeedResetWhenQueueLiesOutsideMemory() {
        negotiate(RingFeatures.VERSION_1);
        driver.placeQueue(0, OUTSIDE);
        driver.enableQueue(0);
        driver.addStatus(DRIVER_OK);

        assertFalse(device.isActive());
        assertEquals(DRIVER_OK | DEVICE_NEEDS_RESET, driver.status() & (DRIVER_OK | DEVICE_NEEDS_RESET));
        assertTrue(driver.takeConfigNotification());
        driver.writeStatus(0);
        assertEquals(0, driver.status());
        start();
        assertTrue(device.isActive());
    }

    /** §2.6: a size of no power of two, or none that the device offered. */
    @Test
    @Tag("class:divisor")
    void shouldTakeNoQueueSizeThatCannotBe() {
        driver.placeQueue(0, new QueueGeometry(0, 0x1000, 0x2000, 0x3000));
        driver.placeQueue(0, new QueueGeometry(FakeVirtioDevice.MAX_SIZE * 2, 0x1000, 0x2000, 0x3000));
        negotiate(RingFeatures.VERSION_1);
        driver.placeQueue(0, new QueueGeometry(0x8000, 0x1000, 0x2000, 0x3000));
        driver.enableQueue(0);
        driver.addStatus(DRIVER_OK);
        assertEquals(FakeVirtioDevice.MAX_SIZE, device.activation().queues().get(0).ring().size());

        negotiate(RingFeatures.VERSION_1);
        driver.placeQueue(0, new QueueGeometry(7, 0x1000, 0x2000, 0x3000));
        driver.enableQueue(0);
        driver.addStatus(DRIVER_OK);
        assertFalse(device.isActive());
        assertEquals(DEVICE_NEEDS_RESET, driver.status() & DEVICE_NEEDS_RESET);
    }

    /** CVE-2026-5747: a queue's size written after the queue was enabled, and after DRIVER_OK. */
    @Test
    @Tag("class:queue-frozen")
    void shouldFreezeQueueOnceEnabled() {
        negotiate(RingFeatures.VERSION_1);
        driver.placeQueue(0, GEOMETRY);
        driver.enableQueue(0);
        driver.placeQueue(0, new QueueGeometry(16, 0x8000, 0x9000, 0xa000));
        driver.addStatus(DRIVER_OK);

        assertEquals(8, device.activation().queues().get(0).ring().size());
        driver.placeQueue(0, new QueueGeometry(16, 0x8000, 0x9000, 0xa000));
        driver.placeQueue(1, GEOMETRY);
        driver.enableQueue(1);
        assertTrue(driver.isQueueEnabled(0));
        assertFalse(driver.isQueueEnabled(1));
    }

    /** §2.3: the doorbell reaches the device without its registers, §3.1.1 only once it is live. */
    @Test
    @Tag("virtio:2.1.2/before-driver-ok")
    void shouldRingDoorbellOnceLiveAndBeTrappedBefore() {
        driver.notifyQueue(0);
        driver.notifyQueue(1);
        driver.notifyQueue(2);
        assertEquals(0, machine.doorbells.count());
        start();
        assertEquals(1, machine.doorbells.count());

        driver.notifyQueue(0);

        assertTrue(device.activation().queues().get(0).kick().drain() > 0);
    }

    /** §2.3. */
    @Test
    void shouldSendUsedBufferNotification() {
        start();
        assertFalse(driver.takeUsedBufferNotification(0));

        device.activation().queues().get(0).interrupt().run();

        assertTrue(driver.takeUsedBufferNotification(0));
        assertFalse(driver.takeUsedBufferNotification(0));
        assertFalse(driver.takeConfigNotification());
    }

    /** §2.5.2: a change of configuration shows in the generation, and the driver is told. */
    @Test
    @Tag("virtio:4.1.4.3.1/generation")
    @Tag("virtio:4.2.2.1/generation")
    void shouldTellOfChangedConfig() {
        start();
        int generation = driver.configGeneration();

        device.config[3] = 0x55;
        device.activation().events().configChanged();

        assertTrue(driver.configGeneration() != generation);
        assertTrue(driver.takeConfigNotification());
        assertFalse(driver.takeUsedBufferNotification(0));
        assertEquals(0x55, driver.readConfig(3, 1));
    }

    /** §4.1.4.3.1: 8 bits do not come round to where they were between two looks of a driver. */
    @Test
    @Tag("virtio:4.1.4.3.1/generation")
    @Tag("virtio:4.2.2.1/generation")
    void shouldShowAnotherGenerationHoweverOftenConfigChanged() {
        start();
        int generation = driver.configGeneration();
        driver.readConfig(0, 4);
        for (int i = 0; i < 256; i++) {
            device.activation().events().configChanged();
        }
        driver.readConfig(4, 4);
        assertNotEquals(generation, driver.configGeneration());
    }

    /** §2.1.2: the driver is told, once, and only a reset helps. */
    @Test
    @Tag("virtio:2.1.2/needs-reset-notifies")
    void shouldTellOfNeededReset() {
        start();
        DeviceEvents events = device.activation().events();

        events.needsReset();
        assertEquals(DEVICE_NEEDS_RESET, driver.status() & DEVICE_NEEDS_RESET);
        assertTrue(driver.takeConfigNotification());
        events.needsReset();
        assertFalse(driver.takeConfigNotification());

        driver.writeStatus(0);
        assertEquals(0, driver.status());
        events.needsReset();
        events.configChanged();
        assertEquals(0, driver.status());
        assertFalse(driver.takeConfigNotification());
    }

    /** §2.5: any width and alignment inside; what passes the end reads as zero there and is not written. */
    @Test
    @Tag("virtio:2.5.2/early-read")
    @Tag("class:selector")
    void shouldBoundConfigAccesses() {
        assertEquals(0x0706_0504_0302_0100L, driver.readConfig(0, 8));
        assertEquals(0x0403, driver.readConfig(3, 2));
        assertEquals(0x0908, driver.readConfig(8, 4));
        assertEquals(0, driver.readConfig(10, 4));
        driver.writeConfig(8, 4, 0xffff_ffffL);
        assertEquals(0x0908, driver.readConfig(8, 2));
        driver.writeConfig(8, 2, 0xabcd);
        assertEquals(0xabcd, driver.readConfig(8, 2));
    }

    /** §2.4: while a reset waits for the device's thread, that thread may be notifying. */
    @Test
    @Tag("virtio:2.4.1/quiet")
    @Tag("class:lifetime")
    void shouldNotifyWhileResetWaits() {
        start();
        VirtioActivation activation = device.activation();
        Thread io = Thread.ofPlatform().unstarted(() -> {
            activation.queues().get(0).interrupt().run();
            activation.events().configChanged();
            activation.events().needsReset();
        });
        device.whileResetting = () -> {
            io.start();
            try {
                io.join(10_000);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        };
        driver.writeStatus(0);

        assertFalse(io.isAlive());
        assertEquals(0, driver.status());
        assertFalse(driver.takeUsedBufferNotification(0));
        assertFalse(driver.takeConfigNotification());
    }
}
