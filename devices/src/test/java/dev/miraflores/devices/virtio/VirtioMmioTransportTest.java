// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.MmioDriver;
import dev.miraflores.virtio.ring.RingFeatures;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** virtio 1.3 §4.2. */
class VirtioMmioTransportTest extends VirtioTransportContract {

    private static final long BASE = 0xfeb0_0000L;

    private final VirtioMmioTransport transport =
            new VirtioMmioTransport(device, machine.ram(), BASE, machine.gsis[5], machine.doorbells);
    private final MmioDriver mmio = new MmioDriver(machine, BASE, machine.gsis[5]);

    VirtioMmioTransportTest() {
        machine.memory.map(transport.gpa(), VirtioMmioTransport.WINDOW_BYTES, transport);
        driver = mmio;
    }

    @Override
    ResettableDevice transport() {
        return transport;
    }

    @Override
    void closeTransport() {
        transport.close();
    }

    /** §4.2.2.1. */
    @Test
    @Tag("virtio:4.2.2.1/magic")
    @Tag("virtio:4.2.2.1/version")
    void shouldTellMagicVersionAndVendor() {
        assertEquals(0x74726976, mmio.get(0x000));
        assertEquals(2, mmio.get(0x004));
        assertEquals(0x1af4, mmio.get(0x00c));
    }

    /** §4.2.2.2: registers are accessed in four aligned bytes. */
    @Test
    void shouldIgnoreAccessesOfOtherWidths() {
        assertEquals(0, machine.read(BASE, 1));
        assertEquals(0, machine.read(BASE, 8));
        assertEquals(0, machine.read(BASE + 2, 4));
        machine.write(BASE + 0x70, 1, 1);
        machine.write(BASE + 0x70, 8, 1);
        assertEquals(0, mmio.get(0x070));
    }

    /** §4.2.2: there are no shared memory regions, which is said by ones. */
    @Test
    void shouldHaveNoSharedMemory() {
        mmio.set(0x0ac, 0);
        assertEquals(-1, mmio.get(0x0b0));
        assertEquals(-1, mmio.get(0x0b4));
        assertEquals(-1, mmio.get(0x0b8));
        assertEquals(-1, mmio.get(0x0bc));
    }

    /** §4.2.2: InterruptStatus holds until each of its bits is acknowledged. */
    @Test
    @Tag("virtio:4.2.2.1/interrupt-status")
    void shouldHoldLineUntilAllCausesAreAcknowledged() {
        start();
        device.activation().queues().get(0).interrupt().run();
        device.activation().events().configChanged();

        assertEquals(3, mmio.get(0x060));
        mmio.set(0x064, 1);
        assertEquals(2, mmio.get(0x060));
        assertTrue(machine.gsis[5].isAsserted());
        mmio.set(0x064, -1);
        assertFalse(machine.gsis[5].isAsserted());
    }

    /** §4.2.2.1: InterruptStatus is cleared by reset. */
    @Test
    @Tag("virtio:4.2.2.1/reset-interrupts")
    void shouldTakeLineDownOnReset() {
        start();
        device.activation().queues().get(0).interrupt().run();
        mmio.writeStatus(0);

        assertFalse(machine.gsis[5].isAsserted());
        assertEquals(0, mmio.get(0x060));
    }

    /** §4.2.3.2: QueueReady may be taken back before the device starts. */
    @Test
    void shouldUndoQueueReadyUntilDriverOk() {
        negotiate(RingFeatures.VERSION_1);
        driver.placeQueue(0, OUTSIDE);
        driver.enableQueue(0);
        mmio.set(0x044, 0);
        assertFalse(driver.isQueueEnabled(0));
        driver.placeQueue(0, GEOMETRY);
        driver.enableQueue(0);
        driver.addStatus(DeviceStatus.DRIVER_OK);
        assertTrue(device.isActive());

        mmio.set(0x044, 0);
        assertTrue(driver.isQueueEnabled(0));
    }

    /** A selector is 32 bits wide here; none of them may be lost. */
    @Test
    @Tag("class:selector")
    void shouldFindNoQueueBehindLargeSelectors() {
        for (int select : new int[] {2, 0x10000, Integer.MAX_VALUE, Integer.MIN_VALUE, -1}) {
            assertEquals(0, driver.queueSize(select), Integer.toHexString(select));
            driver.placeQueue(select, GEOMETRY);
            driver.enableQueue(select);
            assertFalse(driver.isQueueEnabled(select));
            driver.notifyQueue(select);
        }
        start();
        assertEquals(0, device.serveIfKicked(0));
    }

    /** §4.2.2: only an exact 0 resets. */
    @Test
    void shouldResetOnExactZeroOnly() {
        start();
        mmio.set(0x070, 0x100);
        assertTrue(device.isActive());
    }
}
