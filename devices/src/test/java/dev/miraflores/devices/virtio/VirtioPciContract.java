// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.FakeVirtioDevice;
import dev.miraflores.devices.testkit.PciDriver;
import dev.miraflores.virtio.ring.RingFeatures;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** virtio 1.3 §4.1, however the driver is notified. */
abstract class VirtioPciContract extends VirtioTransportContract {

    final VirtioPciTransport transport =
            new VirtioPciTransport(device, machine.ram(), machine.msis, machine.doorbells);
    final int slot = machine.pci.add(transport.function());
    final PciDriver pci;

    VirtioPciContract(boolean msix) {
        pci = new PciDriver(machine, slot, msix);
        driver = pci;
    }

    @Override
    ResettableDevice transport() {
        return transport;
    }

    @Override
    void closeTransport() {
        machine.pci.remove(transport.function());
        transport.close();
    }

    /** §4.1.2.1, and what drivers for Windows are matched by. */
    @Test
    @Tag("virtio:4.1.2.1/vendor")
    @Tag("virtio:4.1.2.1/device")
    void shouldTellIdentityOfModernDevice() {
        assertEquals(0x1af4, machine.configRead(slot, 0x00, 2));
        assertEquals(0x1040 + FakeVirtioDevice.ID, machine.configRead(slot, 0x02, 2));
        assertEquals(1, machine.configRead(slot, 0x08, 1));
        assertEquals(0x1100_1af4L, machine.configRead(slot, 0x2c, 4));
        assertEquals(0x010000, VirtioPciIdentity.of(2).classCode());
        assertEquals(0x020000, VirtioPciIdentity.of(1).classCode());
        assertEquals(0x1042, VirtioPciIdentity.of(2).deviceId());
    }

    /** §4.1.4: each structure that is required is there, inside its BAR. */
    @Test
    @Tag("virtio:4.1.4.2/cap-len")
    @Tag("virtio:4.1.4.3.1/present")
    @Tag("virtio:4.1.4.4.1/present")
    @Tag("virtio:4.1.4.5.1/present")
    @Tag("virtio:4.1.4.9.1/present")
    void shouldPointAtAllStructures() {
        for (int type = 1; type <= 5; type++) {
            int at = pci.capability(type);
            assertTrue(at >= 0x40, "cfg_type " + type);
            assertEquals(type == 2 || type == 5 ? 20 : 16, machine.configRead(slot, at + 2, 1));
        }
        assertTrue(machine.configRead(slot, pci.capability(1) + 12, 4) >= 56);
        assertEquals(FakeVirtioDevice.CONFIG_BYTES, machine.configRead(slot, pci.capability(4) + 12, 4));
        assertEquals(FakeVirtioDevice.QUEUES, pci.get(0x12, 2));
    }

    /** §4.1.4.3.1, §4.1.4.4.1, §4.1.4.6.1: alignments, and a place in the notification area for each queue. */
    @Test
    @Tag("virtio:4.1.4.3.1/aligned")
    @Tag("virtio:4.1.4.4.1/aligned")
    @Tag("virtio:4.1.4.4.1/multiplier")
    @Tag("virtio:4.1.4.4.1/length")
    @Tag("virtio:4.1.4.6.1/aligned")
    void shouldAlignStructuresAndHaveRoomForEveryDoorbell() {
        assertEquals(0, machine.configRead(slot, pci.capability(1) + 8, 4) % 4);
        assertEquals(0, machine.configRead(slot, pci.capability(2) + 8, 4) % 2);
        assertEquals(0, machine.configRead(slot, pci.capability(4) + 8, 4) % 4);
        assertEquals(1, Integer.bitCount(pci.notifyMultiplier));
        assertEquals(0, pci.notifyMultiplier % 2);
        long length = machine.configRead(slot, pci.capability(2) + 12, 4);
        for (int queue = 0; queue < FakeVirtioDevice.QUEUES; queue++) {
            pci.set(0x16, 2, queue);
            assertTrue(length >= (long) pci.get(0x1e, 2) * pci.notifyMultiplier + 2);
        }
    }

    /** §4.1.4.3.1: what the driver has written; and, as the device offers them, sizes that are powers of 2. */
    @Test
    @Tag("virtio:4.1.4.3.1/driver-feature")
    @Tag("virtio:4.1.4.3.1/queue-size-power")
    void shouldShowFeaturesThatTheDriverAcceptsAndOfferSizesThatArePowersOfTwo() {
        driver.acceptFeatures(RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX);
        pci.set(0x08, 4, 0);
        assertEquals((int) RingFeatures.EVENT_IDX, pci.get(0x0c, 4));
        pci.set(0x08, 4, 1);
        assertEquals((int) (RingFeatures.VERSION_1 >>> 32), pci.get(0x0c, 4));
        pci.set(0x08, 4, 2);
        assertEquals(0, pci.get(0x0c, 4));
        for (int queue = 0; queue < FakeVirtioDevice.QUEUES; queue++) {
            assertEquals(1, Integer.bitCount(driver.queueSize(queue)));
        }
    }

    /** §4.1.3.2: each half of a 64-bit field of the device's own. */
    @Test
    @Tag("virtio:4.1.3.2/halves")
    void shouldTakeHalvesOfConfig() {
        driver.writeConfig(4, 4, 0x1234_5678L);
        assertEquals(0x1234_5678_0302_0100L, driver.readConfig(0, 8));
        driver.writeConfig(0, 4, 0x7abc_def0L);
        assertEquals(0x7abc_def0L, driver.readConfig(0, 4));
        assertEquals(0x1234_5678L, driver.readConfig(4, 4));
    }

    /** §4.1.3.1: a le64 as two le32; whole ones work too, and odd widths do nothing. */
    @Test
    void shouldTakeFieldsInTheirOwnWidth() {
        pci.set(0x16, 2, 1);
        pci.set(0x20, 8, 0x1234_5678_9abc_def0L);
        assertEquals(0x9abc_def0, pci.get(0x20, 4));
        assertEquals(0x1234_5678, pci.get(0x24, 4));
        assertEquals(0x1234_5678_9abc_def0L, machine.read(pci.common + 0x20, 8));
        pci.set(0x20, 1, 0);
        pci.set(0x22, 4, 0);
        pci.set(0x14, 4, 1);
        assertEquals(0x9abc_def0, pci.get(0x20, 4));
        assertEquals(0, driver.status());
        assertEquals(0, pci.get(0x14, 4));
        assertEquals(0, pci.get(0x15, 2));
        assertEquals(0, machine.read(pci.common + 0x3fd, 8));
    }

    /** §4.1.4.3.1: what selects nothing reads as nothing. CVE-2011-2512, a queue index that is not checked. */
    @Test
    @Tag("virtio:4.1.4.3.1/device-feature")
    @Tag("virtio:4.1.4.3.1/queue-size-none")
    @Tag("class:selector")
    void shouldReadNothingBehindSelectorsThatSelectNothing() {
        for (int select : new int[] {2, 0x7fff, 0xffff}) {
            pci.set(0x16, 2, select);
            assertEquals(select, pci.get(0x16, 2));
            assertEquals(0, pci.get(0x18, 2));
            assertEquals(0xffff, pci.get(0x1a, 2));
            assertEquals(0, pci.get(0x1e, 2));
            pci.set(0x1a, 2, 0);
            pci.set(0x1c, 2, 1);
            assertEquals(0, pci.get(0x1c, 2));
        }
        pci.set(0x00, 4, 2);
        assertEquals(0, pci.get(0x04, 4));
        pci.set(0x00, 4, -1);
        assertEquals(0, pci.get(0x04, 4));
    }

    /** §4.1.4.3.2: writing 0 to queue_enable is not for drivers to do. */
    @Test
    void shouldNotDisableQueue() {
        driver.placeQueue(0, GEOMETRY);
        driver.enableQueue(0);
        pci.set(0x1c, 2, 0);
        assertTrue(driver.isQueueEnabled(0));
    }

    /** §4.1.5.1.2.1: a vector that is not there reads back as VIRTIO_MSI_NO_VECTOR. */
    @Test
    @Tag("virtio:4.1.5.1.2.1/failure")
    @Tag("virtio:4.1.5.1.2.1/read-back")
    @Tag("virtio:4.1.5.1.2.1/reset")
    void shouldRefuseVectorsThatDoNotExist() {
        assertEquals(0xffff, pci.get(0x10, 2));
        pci.set(0x10, 2, 2);
        assertEquals(2, pci.get(0x10, 2));
        pci.set(0x10, 2, 3);
        assertEquals(0xffff, pci.get(0x10, 2));
        pci.set(0x16, 2, 1);
        pci.set(0x1a, 2, 0xfffe);
        assertEquals(0xffff, pci.get(0x1a, 2));
        pci.set(0x1a, 2, 0);
        assertEquals(0, pci.get(0x1a, 2));
        driver.writeStatus(0);
        pci.set(0x16, 2, 1);
        assertEquals(0xffff, pci.get(0x1a, 2));
        assertEquals(0xffff, pci.get(0x10, 2));
    }

    /** §4.1.4.5.1: reading ISR status clears it; nothing else of the structure exists. */
    @Test
    @Tag("virtio:4.1.4.5.1/config-bit")
    @Tag("virtio:4.1.4.5.1/clear")
    void shouldClearIsrOnRead() {
        start();
        device.activation().events().configChanged();

        assertEquals(0, machine.read(pci.isr + 1, 1));
        machine.write(pci.isr, 1, 0xff);
        assertEquals(2, machine.read(pci.isr, 1));
        assertEquals(0, machine.read(pci.isr, 1));
    }

    /** PCI 3.0 §6.2.5: the doorbell goes where the BAR goes, and is trapped while there is none. */
    @Test
    void shouldMoveDoorbellWithBar() {
        start();
        assertTrue(machine.doorbells.isBound(pci.notify));
        long bar = machine.barAddress(slot, 0);
        machine.configWrite(slot, 0x10, 4, 0xd000_0000L);
        assertFalse(machine.doorbells.isBound(pci.notify));
        assertTrue(machine.doorbells.isBound(pci.notify - bar + 0xd000_0000L));

        machine.configWrite(slot, 4, 2, 0);
        assertEquals(0, machine.doorbells.count());
        machine.configWrite(slot, 4, 2, 2);
        assertEquals(1, machine.doorbells.count());
    }

    /** §4.1.4.9: all registers can be reached through configuration space. */
    @Test
    @Tag("virtio:4.1.4.9.1/write")
    @Tag("virtio:4.1.4.9.1/read")
    void shouldReachRegistersThroughConfigAccess() {
        int window = pci.capability(5);
        configWindow(window, 0, 0x14, 1);
        machine.configWrite(slot, window + 16, 1, DeviceStatus.ACKNOWLEDGE);
        assertEquals(DeviceStatus.ACKNOWLEDGE, driver.status());
        assertEquals(DeviceStatus.ACKNOWLEDGE, machine.configRead(slot, window + 16, 1));
        // Whatever the width of the access, cap.length says what is passed on.
        configWindow(window, 0, 0x04, 4);
        assertEquals((int) driver.deviceFeatures(), (int) machine.configRead(slot, window + 16, 4));
        configWindow(window, 0, 0x2000, 2);
        assertEquals(0x0100, machine.configRead(slot, window + 16, 2));
    }

    /** A reset takes as long as what is in flight does; whoever looks at another device's configuration does not wait for it. */
    @Test
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void shouldHoldUpNobodyElseWhileItIsResetThroughConfigAccess() throws InterruptedException {
        start();
        int window = pci.capability(5);
        configWindow(window, 0, 0x14, 1);
        CountDownLatch resetting = new CountDownLatch(1);
        CountDownLatch finished = new CountDownLatch(1);
        device.whileResetting = () -> {
            resetting.countDown();
            try {
                finished.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        };
        Thread reset = Thread.ofPlatform().start(() -> machine.configWrite(slot, window + 16, 1, 0));
        resetting.await();
        long[] status = {-1};
        Thread look = Thread.ofPlatform().start(() -> status[0] = machine.configRead(slot, window + 16, 1));
        while (look.getState() != Thread.State.BLOCKED) {
            Thread.onSpinWait(); // until it waits for the device, which is being reset
        }

        assertEquals(0x0600_0000L, machine.configRead(0, 8, 4), "the host bridge answers");
        machine.configWrite(slot, 0x3c, 1, 5);
        assertEquals(5, machine.configRead(slot, 0x3c, 1), "and so does the rest of this device's configuration");
        finished.countDown();
        reset.join();
        look.join();
        assertEquals(0, status[0]);
        assertFalse(device.isActive());
    }

    /** §4.1.4.9: windows that are not wholly in the BAR, or not aligned, or of no width, do nothing. */
    @Test
    @Tag("class:selector")
    void shouldIgnoreConfigAccessOutsideBar() {
        int window = pci.capability(5);
        long[][] windows = {{1, 0x14, 1}, {0, 0x15, 4}, {0, 0x14, 3}, {0, 0x14, 0}, {0, 0x14, 8},
                {0, 0xffff_fffcL, 4}, {0, 0x4000, 1}, {0, 0x3fff, 2}, {6, 0x14, 1}, {0, 0x14, 0xffff_ffffL}};
        for (long[] each : windows) {
            configWindow(window, (int) each[0], each[1], each[2]);
            machine.configWrite(slot, window + 16, 4, 0x0101_0101L);
            machine.configRead(slot, window + 16, 4);
        }
        assertEquals(0, driver.status());
    }

    private void configWindow(int window, int bar, long offset, long length) {
        machine.configWrite(slot, window + 4, 1, bar);
        machine.configWrite(slot, window + 8, 4, offset);
        machine.configWrite(slot, window + 12, 4, length);
    }

    /** A vCPU that still holds the address of a device that is gone. */
    @Test
    @Tag("class:lifetime")
    void shouldIgnoreAccessesAfterClose() {
        VirtioPciTransport other = new VirtioPciTransport(new FakeVirtioDevice(), machine.ram(), machine.msis,
                machine.doorbells);
        int otherSlot = machine.pci.add(other.function());
        PciDriver late = new PciDriver(machine, otherSlot, true);
        other.close();

        late.acceptFeatures(RingFeatures.VERSION_1);
        late.placeQueue(0, GEOMETRY);
        late.enableQueue(0);
        late.writeStatus(0xf);
        late.notifyQueue(0);
        late.readConfig(0, 4);
        late.writeStatus(0);
        machine.read(machine.barAddress(otherSlot, 1) + 0x800, 8);
        machine.write(machine.barAddress(otherSlot, 1) + 12, 4, 0);
        machine.pci.remove(other.function());
    }
}
