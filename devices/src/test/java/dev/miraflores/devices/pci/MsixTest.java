// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.testkit.FakeMsiController.Message;
import dev.miraflores.devices.testkit.TestMachine;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** MSI-X: PCI 3.0 §6.8.2, §6.8.3. */
class MsixTest {

    private static final int ENABLE = 0x8000;
    private static final int FUNCTION_MASK = 0x4000;
    private static final int VECTORS = 70;
    private static final long MSI_ADDRESS = 0xfee0_1000L;

    private final TestMachine machine = new TestMachine();
    private final Msix msix = new Msix(VECTORS, machine.msis);
    private final InterruptLine pin;
    private final int slot;
    private final int control;
    private final long table;
    private final long pba;

    MsixTest() {
        PciFunction function = new PciFunction(new PciIdentity(0x1234, 0x5678, 1, 0xff0000, 0x1af4, 0x1100));
        pin = function.intx();
        function.addMsix(1, msix);
        slot = machine.pci.add(function);
        int capability = machine.findCapability(slot, 0x11, 0);
        control = capability + 2;
        table = machine.barAddress(slot, (int) machine.configRead(slot, capability + 4, 4) & 7)
                + (machine.configRead(slot, capability + 4, 4) & ~7);
        pba = machine.barAddress(slot, (int) machine.configRead(slot, capability + 8, 4) & 7)
                + (machine.configRead(slot, capability + 8, 4) & ~7);
    }

    @AfterEach
    void close() {
        msix.close();
        machine.close();
    }

    private void enable(int bits) {
        machine.configWrite(slot, control, 2, bits);
    }

    private void program(int vector, int data, boolean masked) {
        machine.write(table + 16L * vector, 4, MSI_ADDRESS);
        machine.write(table + 16L * vector + 4, 4, 0);
        machine.write(table + 16L * vector + 8, 4, data);
        machine.write(table + 16L * vector + 12, 4, masked ? 1 : 0);
    }

    private void mask(int vector, boolean on) {
        machine.write(table + 16L * vector + 12, 4, on ? 1 : 0);
    }

    private boolean isPending(int vector) {
        return (machine.read(pba + vector / 64 * 8L, 8) >>> vector % 64 & 1) != 0;
    }

    /** §6.8.2.3. */
    @Test
    @Tag("virtio:4.1.5.1.2.1/table-size")
    void shouldTellTableSizeAndKeepItReadOnly() {
        assertEquals(VECTORS - 1, machine.configRead(slot, control, 2));
        enable(0xffff);
        assertEquals(ENABLE | FUNCTION_MASK | VECTORS - 1, machine.configRead(slot, control, 2));
    }

    /** §6.8.2.9: the mask bit is set after reset. */
    @Test
    void shouldStartMasked() {
        enable(ENABLE);

        assertEquals(1, machine.read(table + 12, 4));
        assertEquals(0, machine.msis.connections());
    }

    @Test
    void shouldSendMessageOfUnmaskedVector() {
        enable(ENABLE);
        program(3, 0x41, false);

        msix.signal(3);

        assertEquals(List.of(new Message(MSI_ADDRESS, 0x41)), machine.msis.takeMessages());
        assertFalse(isPending(3));
    }

    /** §6.8.3.5: a masked vector is pending, and sent when it is unmasked. */
    @Test
    void shouldKeepMaskedVectorPendingAndSendItOnceUnmasked() {
        enable(ENABLE);
        program(66, 0x42, true);

        msix.signal(66);
        msix.signal(66);

        assertEquals(List.of(), machine.msis.takeMessages());
        assertTrue(isPending(66));
        assertFalse(isPending(65));
        mask(66, false);
        assertEquals(List.of(new Message(MSI_ADDRESS, 0x42)), machine.msis.takeMessages());
        assertFalse(isPending(66));
    }

    /** §6.8.2.3: Function Mask masks all, whatever each vector's bit says. */
    @Test
    void shouldMaskAllVectorsByFunctionMask() {
        program(0, 0x40, false);
        program(1, 0x41, true);
        enable(ENABLE | FUNCTION_MASK);

        msix.signal(0);
        msix.signal(1);
        assertEquals(List.of(), machine.msis.takeMessages());
        assertTrue(isPending(0));

        enable(ENABLE);
        assertEquals(List.of(new Message(MSI_ADDRESS, 0x40)), machine.msis.takeMessages());
        assertTrue(isPending(1));
        assertFalse(isPending(0));
    }

    @Test
    void shouldFollowMessageThatIsChangedWhileUnmasked() {
        enable(ENABLE);
        program(0, 0x40, false);

        machine.write(table + 8, 4, 0x55);
        msix.signal(0);

        assertEquals(List.of(new Message(MSI_ADDRESS, 0x55)), machine.msis.takeMessages());
        assertEquals(1, machine.msis.connections());
    }

    @Test
    void shouldDisconnectAllWhenDisabled() {
        program(0, 0x40, false);
        enable(ENABLE);
        assertTrue(msix.enabled());
        assertEquals(1, machine.msis.connections());

        enable(0);

        assertFalse(msix.enabled());
        assertEquals(0, machine.msis.connections());
    }

    /** §6.8.2.3: with MSI-X enabled the function must not use its pin. */
    @Test
    void shouldTakePinDownWhileEnabled() {
        pin.set(true);
        enable(ENABLE);
        assertFalse(machine.gsis[17].isAsserted());
        assertEquals(0, machine.configRead(slot, 6, 2) & 8);

        enable(0);
        assertTrue(machine.gsis[17].isAsserted());
    }

    /** §6.8.2: pending bits are read-only. CVE-2015-7549: a write to them must find a handler. */
    @Test
    @Tag("class:selector")
    void shouldIgnoreWritesToPendingBits() {
        enable(ENABLE);
        msix.signal(0);

        machine.write(pba, 8, 0);
        assertTrue(isPending(0));
        machine.write(pba, 8, -1);
        assertFalse(isPending(1));
    }

    /** §6.8.2: accesses of four and eight bytes are the rule, others must do no harm. */
    @Test
    @Tag("class:selector")
    void shouldTakeAccessesOfAnyWidth() {
        machine.write(table + 16, 8, 0x1_fee0_2004L);
        machine.write(table + 24, 8, 0xffff_fffe_0000_0077L);
        assertEquals(0x1_fee0_2004L, machine.read(table + 16, 8));
        assertEquals(0x77, machine.read(table + 24, 8));

        machine.write(table + 27, 2, 0x1234);
        assertEquals(0x3400_0077L, machine.read(table + 24, 4));
        assertEquals(0, machine.read(table + 28, 4));
        // The last entry's mask bit, then nothing: CVE-2020-13754, an access past the table.
        assertEquals(1, machine.read(table + 16 * VECTORS - 4, 8));
        machine.write(table + 16 * VECTORS - 4, 8, -1);
        assertEquals(0, machine.read(table + 16 * VECTORS, 8));
        assertEquals(0, machine.read(pba + 0x7fc, 8));
    }

    @Test
    void shouldForgetPendingVector() {
        enable(ENABLE);
        msix.signal(5);
        msix.clearPending(5);

        assertFalse(isPending(5));
        program(5, 0x45, false);
        assertEquals(List.of(), machine.msis.takeMessages());
    }

    @Test
    void shouldFitLargestTable() {
        try (Msix largest = new Msix(Msix.MAX_VECTORS, machine.msis)) {
            assertEquals(0x8000, largest.pbaOffset());
            assertEquals(0x10000, largest.barByteSize());
            assertEquals(1, largest.read(0x7ffc, 4));
            assertEquals(0, largest.read(0x8000 + 248, 8));
        }
        try (Msix smallest = new Msix(1, machine.msis)) {
            assertEquals(0x1000, smallest.barByteSize());
        }
    }
}
