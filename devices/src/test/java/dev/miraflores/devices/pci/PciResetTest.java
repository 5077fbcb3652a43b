// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.RecordingDevice;
import dev.miraflores.devices.testkit.RegisterAccess;
import dev.miraflores.devices.testkit.TestMachine;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

/** A bus that is reset is as firmware leaves it, whatever the guest before has done to it. */
class PciResetTest {

    private static final PciIdentity IDENTITY = new PciIdentity(0x1234, 0x5678, 1, 0xff0000, 0x1af4, 0x1100);
    private static final int SLOTS = 3;

    private static PciFunction function(int value, Msix msix) {
        PciFunction function = new PciFunction(IDENTITY);
        function.addMemoryBar(0, 0x1000, new RecordingDevice(value), PciBarListener.NONE);
        function.addMemory64Bar(2, 0x10000, new RecordingDevice(value), PciBarListener.NONE);
        function.addIoBar(4, 0x10, new RecordingDevice(value), PciBarListener.NONE);
        function.intx();
        if (msix != null) {
            function.addMsix(1, msix);
        }
        return function;
    }

    private static List<Long> config(TestMachine machine) {
        List<Long> words = new ArrayList<>();
        for (int slot = 0; slot < PciRoot.SLOTS; slot++) {
            for (int register = 0; register < 256; register += 4) {
                words.add(machine.configRead(slot, register, 4));
            }
        }
        words.add(machine.in(0xcf8, 4));
        return words;
    }

    @Provide
    Arbitrary<List<RegisterAccess>> accesses() {
        return RegisterAccess.in(SLOTS + 1, 0x104).list().ofMinSize(20).ofMaxSize(120);
    }

    @Property(tries = 200)
    void shouldForgetAnyConfigAccess(@ForAll("accesses") List<RegisterAccess> storm) {
        try (TestMachine machine = new TestMachine(); Msix msix = new Msix(5, machine.msis)) {
            for (int slot = 1; slot <= SLOTS; slot++) {
                machine.pci.add(slot, function(slot, slot == 1 ? msix : null));
            }
            List<Long> before = config(machine);
            long table = machine.barAddress(1, 1);
            machine.write(table, 8, 0xFEE0_0000L);
            machine.write(table + 8, 8, 0x40); // unmasked
            machine.out(0xcf8, 4, 0x8000_0800L);
            for (RegisterAccess access : storm) {
                access.at(machine, machine.map.ecamBase() + ((long) access.where() << 15));
            }
            machine.pci.reset();
            assertEquals(before, config(machine));
            assertFalse(msix.enabled());
            assertEquals(0, machine.msis.connections());
            assertEquals(0, machine.read(table, 8));
            assertEquals(1L << 32, machine.read(table + 8, 8));
            for (int slot = 1; slot <= SLOTS; slot++) {
                assertEquals(slot, machine.read(machine.barAddress(slot, 0), 1), "BAR 0 of slot " + slot);
                assertEquals(slot, machine.read(machine.barAddress(slot, 2), 1), "BAR 2 of slot " + slot);
            }
        }
    }

    @Test
    void shouldPlaceWhatWasPluggedAsFirmwareDoes() {
        try (TestMachine machine = new TestMachine()) {
            machine.pci.add(1, function(1, null));
            int slot = machine.pci.plug(function(7, null), 0);
            assertEquals(0, machine.barAddress(slot, 0));
            machine.pci.reset();
            assertNotEquals(0, machine.barAddress(slot, 0));
            assertEquals(7, machine.read(machine.barAddress(slot, 0), 1));
            assertEquals(3, machine.configRead(slot, 4, 2));
            assertEquals(PciRoot.gsi(slot, 0), machine.configRead(slot, 0x3c, 1));
        }
    }

    @Test
    void shouldTakeAwayWhatHasVanished() {
        try (TestMachine machine = new TestMachine()) {
            PciFunction function = function(1, null);
            machine.pci.add(1, function);
            long bar = machine.barAddress(1, 0);
            machine.pci.vanish(function);
            assertEquals(1, machine.read(bar, 1));
            machine.pci.reset();
            assertEquals(0xFF, machine.read(bar, 1));
        }
    }

    @Test
    void shouldForgetWhatIsPendingInATable() {
        try (TestMachine machine = new TestMachine(); Msix msix = new Msix(3, machine.msis)) {
            machine.pci.add(1, function(1, msix));
            msix.signal(2);
            assertNotEquals(0, machine.read(machine.barAddress(1, 1) + msix.pbaOffset(), 8));
            machine.pci.reset();
            assertEquals(0, machine.read(machine.barAddress(1, 1) + msix.pbaOffset(), 8));
            assertTrue(machine.msis.takeMessages().isEmpty());
        }
    }

    @Test
    void shouldTellAGuestThatComesOfNothing() {
        PciHotplugController controller = new PciHotplugController(() -> { }, new PciEjectListener() {
            @Override
            public void ejected(int slot) {
            }

            @Override
            public void acknowledged(int slot) {
            }
        });
        controller.plugged(3);
        controller.plugged(4);
        controller.requestEject(4);
        controller.plugged(5);
        controller.seize(5);
        controller.vanished(5);
        controller.reset(1 << 3);
        assertEquals(0, controller.read(PciHotplugController.UP, 4));
        assertEquals(0, controller.read(PciHotplugController.DOWN, 4));
        assertEquals(1 << 3, controller.read(PciHotplugController.REMOVABLE, 4));
        assertEquals(0, controller.abandoned());
    }
}
