// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** virtio-pci with MSI-X: virtio 1.3 §4.1.5.1. */
class VirtioPciMsixTest extends VirtioPciContract {

    VirtioPciMsixTest() {
        super(true);
    }

    /** §4.1.5.1.2: without a vector there is no notification, with MSI-X enabled none by pin either. */
    @Test
    @Tag("virtio:4.1.5.1.2.1/unmap")
    @Tag("virtio:4.1.5.3.1/no-vector")
    @Tag("virtio:4.1.5.4.1/no-vector")
    void shouldSendNothingWithoutVector() {
        start();
        pci.set(0x16, 2, 0);
        pci.set(0x1a, 2, 0xffff);
        pci.set(0x10, 2, 0xffff);

        device.activation().queues().get(0).interrupt().run();
        device.activation().events().configChanged();

        assertTrue(machine.msis.takeMessages().isEmpty());
        assertFalse(machine.gsis[17].isAsserted());
    }

    /** §4.1.5.1: a vector changes while the device runs. */
    @Test
    void shouldFollowVectorThatChanges() {
        start();
        pci.set(0x16, 2, 0);
        pci.set(0x1a, 2, 2);

        device.activation().queues().get(0).interrupt().run();

        assertTrue(driver.takeUsedBufferNotification(1));
    }

    /** §4.1.5.1.2.1: each vector that there is, also one for several events. */
    @Test
    @Tag("virtio:4.1.5.1.2.1/any-vector")
    @Tag("virtio:4.1.5.1.2.1/read-back")
    void shouldMapAnyEventToAnyVector() {
        start();
        for (int vector = 0; vector < 3; vector++) {
            pci.set(0x10, 2, vector);
            pci.set(0x16, 2, 0);
            pci.set(0x1a, 2, vector);
            assertEquals(vector, pci.get(0x10, 2));
            assertEquals(vector, pci.get(0x1a, 2));
            machine.msis.takeMessages();
            device.activation().queues().get(0).interrupt().run();
            assertTrue(driver.takeUsedBufferNotification(vector - 1), "the queue's event");
            device.activation().events().configChanged();
            assertTrue(driver.takeUsedBufferNotification(vector - 1), "the configuration's event");
        }
    }

    /** A masked vector stays pending over the mask, and is gone after a reset. */
    @Test
    void shouldForgetPendingVectorsOnReset() {
        start();
        int control = machine.findCapability(slot, 0x11, 0) + 2;
        long table = machine.barAddress(slot, 1);
        machine.configWrite(slot, control, 2, 0xc000);
        device.activation().queues().get(0).interrupt().run();
        assertEquals(1 << 1, machine.read(table + 0x800, 8) & 1 << 1);

        driver.writeStatus(0);
        assertEquals(0, machine.read(table + 0x800, 8));
    }
}
