// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static dev.miraflores.devices.pci.PciHotplugController.DOWN;
import static dev.miraflores.devices.pci.PciHotplugController.EJECT;
import static dev.miraflores.devices.pci.PciHotplugController.REMOVABLE;
import static dev.miraflores.devices.pci.PciHotplugController.UP;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PciHotplugControllerTest {

    private int events;
    private final List<Integer> ejected = new ArrayList<>();
    private final List<Integer> acknowledged = new ArrayList<>();
    private final PciHotplugController controller = new PciHotplugController(() -> events++, new PciEjectListener() {
        @Override
        public void ejected(int slot) {
            ejected.add(slot);
        }

        @Override
        public void acknowledged(int slot) {
            acknowledged.add(slot);
        }
    });

    @Test
    void shouldTellOfAFilledSlotOnce() {
        controller.plugged(3);

        assertEquals(1, events);
        assertEquals(1 << 3, controller.read(UP, 4));
        assertEquals(0, controller.read(UP, 4));
        assertEquals(0, controller.read(DOWN, 4));
        assertEquals(1 << 3, controller.read(REMOVABLE, 4));
        assertEquals(1 << 3, controller.read(REMOVABLE, 4));
    }

    @Test
    void shouldNotTellOfWhatWasThereBefore() {
        controller.present(31);

        assertEquals(0, events);
        assertEquals(0, controller.read(UP, 4));
        assertEquals(1L << 31, controller.read(REMOVABLE, 4));
    }

    @Test
    void shouldAskAsOftenAsWished() {
        controller.plugged(5);

        assertTrue(controller.requestEject(5));
        assertEquals(1 << 5, controller.read(DOWN, 4));
        assertEquals(0, controller.read(DOWN, 4));
        assertTrue(controller.requestEject(5));
        assertEquals(1 << 5, controller.read(DOWN, 4));
        assertEquals(3, events);
    }

    @Test
    void shouldNotAskForAnEmptySlot() {
        assertFalse(controller.requestEject(5));
        assertEquals(0, events);
        assertEquals(0, controller.read(DOWN, 4));
    }

    @Test
    void shouldPassOnOneEjectOnce() {
        controller.plugged(5);
        controller.requestEject(5);

        controller.write(EJECT, 4, 1 << 5);
        controller.write(EJECT, 4, 1 << 5);

        assertEquals(List.of(5), ejected);
        assertEquals(0, controller.read(UP, 4));
        assertEquals(0, controller.read(DOWN, 4));
        assertEquals(0, controller.read(REMOVABLE, 4));
        assertFalse(controller.requestEject(5));
    }

    @Test
    void shouldEjectWhatTheGuestWasNotAskedFor() {
        controller.present(1);
        controller.present(31);

        controller.write(EJECT, 4, 0xffff_ffffL);

        assertEquals(List.of(1, 31), ejected);
    }

    @Test
    void shouldTakeAccessesOfAnyWidth() {
        controller.plugged(1);
        controller.plugged(9);
        controller.plugged(30);

        assertEquals(0x02, controller.read(UP, 1));
        assertEquals(0x0040_0002L, controller.read(UP + 1, 4));           // and DOWN's first byte
        assertEquals(0, controller.read(UP, 8));
        controller.write(EJECT + 1, 1, 0x02);
        assertEquals(List.of(9), ejected);
        controller.write(EJECT - 1, 8, 0x40_0000_02ffL);
        assertEquals(List.of(9, 1, 30), ejected);
    }

    @Test
    void shouldNotTakeWritesToOtherRegisters() {
        controller.present(4);

        for (int offset : new int[] {UP, DOWN, REMOVABLE}) {
            controller.write(offset, 4, 0xffff_ffffL);
        }

        assertEquals(List.of(), ejected);
        assertEquals(0, controller.read(UP, 4) | controller.read(DOWN, 4) | controller.read(EJECT, 4));
        assertEquals(1 << 4, controller.read(REMOVABLE, 4));
        assertEquals(0, controller.read(REMOVABLE + 4, 8));
    }

    @Test
    void shouldNotBeEjectedOnceSeized() {
        controller.plugged(7);

        assertTrue(controller.seize(7));
        assertFalse(controller.seize(7));
        controller.write(EJECT, 4, 1 << 7);

        assertEquals(List.of(), ejected);
        assertEquals(0, controller.read(UP, 4));
    }

    @Test
    void shouldNotBeSeizedOnceEjected() {
        controller.plugged(7);
        controller.write(EJECT, 4, 1 << 7);

        assertFalse(controller.seize(7));
        assertEquals(0, controller.abandoned());
    }

    @Test
    void shouldRememberWhatWasTakenUntilTheGuestKnows() {
        controller.present(7);
        controller.seize(7);
        assertTrue(controller.vanished(7));

        assertEquals(1, events);
        assertEquals(1 << 7, controller.read(DOWN, 4));
        assertEquals(1 << 7, controller.abandoned());
        controller.write(EJECT, 4, 1 << 7);
        controller.write(EJECT, 4, 1 << 7);
        assertEquals(0, controller.abandoned());
        assertEquals(List.of(), ejected);
        assertEquals(List.of(7), acknowledged);
        assertFalse(controller.vanished(7));
        assertEquals(0, controller.read(DOWN, 4));
    }

    @Test
    void shouldForgetWhatWasTakenFromASlotThatIsFilledAgain() {
        controller.present(7);
        controller.seize(7);

        controller.plugged(7);

        assertEquals(0, controller.abandoned());
        controller.write(EJECT, 4, 1 << 7);
        assertEquals(List.of(7), ejected);
    }

    @Test
    void shouldRefuseSlotsThatAreNone() {
        assertThrows(IndexOutOfBoundsException.class, () -> controller.plugged(32));
        assertThrows(IndexOutOfBoundsException.class, () -> controller.requestEject(-1));
    }
}
