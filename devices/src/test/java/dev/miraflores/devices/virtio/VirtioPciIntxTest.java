// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The same over INTx: virtio 1.3 §4.1.5.3, §4.1.5.4. */
class VirtioPciIntxTest extends VirtioPciContract {

    VirtioPciIntxTest() {
        super(false);
    }

    /** §4.1.4.5.1: Interrupt Status is the OR of the ISR bits, and the read that clears them takes the pin down. */
    @Test
    @Tag("virtio:4.1.4.5.1/queue-bit")
    @Tag("virtio:4.1.4.5.1/pci-status")
    @Tag("virtio:4.1.4.5.1/clear")
    void shouldHoldPinUntilIsrIsRead() {
        start();
        device.activation().queues().get(0).interrupt().run();
        device.activation().events().configChanged();

        assertTrue(machine.gsis[17].isAsserted());
        assertEquals(8, machine.configRead(slot, 6, 2) & 8);
        assertEquals(3, machine.read(pci.isr, 1));
        assertFalse(machine.gsis[17].isAsserted());
        assertEquals(0, machine.configRead(slot, 6, 2) & 8);
    }

    /** PCI 3.0 §6.2.2: Interrupt Disable; the cause stays. */
    @Test
    void shouldHonourInterruptDisable() {
        start();
        machine.configWrite(slot, 4, 2, 0x402);
        device.activation().queues().get(0).interrupt().run();

        assertFalse(machine.gsis[17].isAsserted());
        machine.configWrite(slot, 4, 2, 2);
        assertTrue(machine.gsis[17].isAsserted());
    }

    @Test
    void shouldTakePinDownOnReset() {
        start();
        device.activation().queues().get(0).interrupt().run();
        driver.writeStatus(0);

        assertFalse(machine.gsis[17].isAsserted());
        assertEquals(0, machine.read(pci.isr, 1));
    }
}
