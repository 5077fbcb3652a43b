// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.testkit.RecordingDevice;
import dev.miraflores.devices.testkit.TestMachine;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Configuration space and BARs: PCI 3.0 §6.2. */
class PciFunctionTest {

    private static final int COMMAND = 0x04;
    private static final int STATUS = 0x06;
    private static final int BAR0 = 0x10;
    private static final PciIdentity IDENTITY = new PciIdentity(0x1234, 0x5678, 1, 0xff0000, 0x1af4, 0x1100);

    private final TestMachine machine = new TestMachine();

    @AfterEach
    void close() {
        machine.close();
    }

    private static PciFunction withMemoryBar(long byteSize, long answer) {
        PciFunction function = new PciFunction(IDENTITY);
        function.addMemoryBar(0, byteSize, new RecordingDevice(answer), PciBarListener.NONE);
        return function;
    }

    /** §6.2.2, §6.2.3: reserved bits stay zero, status does not take writes. */
    @Test
    void shouldKeepReadOnlyBits() {
        int slot = machine.pci.add(new PciFunction(IDENTITY));

        machine.configWrite(slot, 0, 4, 0xffff_ffffL);
        machine.configWrite(slot, COMMAND, 4, 0xffff_ffffL);
        machine.configWrite(slot, 0x2c, 4, 0);
        machine.configWrite(slot, BAR0, 4, 0xffff_ffffL);

        assertEquals(0x5678_1234L, machine.configRead(slot, 0, 4));
        assertEquals(0x0547L, machine.configRead(slot, COMMAND, 4));
        assertEquals(0x1100_1af4L, machine.configRead(slot, 0x2c, 4));
        assertEquals(0, machine.configRead(slot, BAR0, 4));
    }

    /** §6.2.3: error bits are cleared by writing ones to them. */
    @Test
    void shouldClearStatusBitsByWritingOnes() {
        PciFunction function = new PciFunction(IDENTITY);
        int slot = machine.pci.add(function);
        function.config().set(STATUS, 2, 0xf900);

        machine.configWrite(slot, STATUS, 2, 0x8000);

        assertEquals(0x7900, machine.configRead(slot, STATUS, 2));
    }

    /** §6.2.5.1: writing ones and reading back tells the size. */
    @Test
    @Tag("virtio:4.1.1/pci")
    void shouldTellSizeOf32BitMemoryBar() {
        int slot = machine.pci.add(withMemoryBar(0x4000, 1));

        machine.configWrite(slot, BAR0, 4, 0xffff_ffffL);

        assertEquals(0xffff_c000L, machine.configRead(slot, BAR0, 4));
    }

    /** §6.2.5.1. */
    @Test
    void shouldTellSizeOf64BitMemoryBar() {
        PciFunction function = new PciFunction(IDENTITY);
        function.addMemory64Bar(2, 0x2_0000_0000L, new RecordingDevice(1), PciBarListener.NONE);
        int slot = machine.pci.add(function);

        machine.configWrite(slot, BAR0 + 8, 4, 0xffff_ffffL);
        machine.configWrite(slot, BAR0 + 12, 4, 0xffff_ffffL);

        assertEquals(0x0000_000cL, machine.configRead(slot, BAR0 + 8, 4));
        assertEquals(0xffff_fffeL, machine.configRead(slot, BAR0 + 12, 4));
    }

    /** §6.2.5.1. */
    @Test
    void shouldTellSizeOfIoBarAndDecodeIt() {
        RecordingDevice registers = new RecordingDevice(0x5a);
        PciFunction function = new PciFunction(IDENTITY);
        function.addIoBar(1, 0x20, registers, PciBarListener.NONE);
        int slot = machine.pci.add(function);
        long assigned = machine.configRead(slot, BAR0 + 4, 4);

        assertEquals(1, assigned & 3);
        assertEquals(0x5a, machine.in((int) assigned - 1 + 4, 1));
        machine.configWrite(slot, BAR0 + 4, 4, 0xffff_ffffL);
        assertEquals(0xffff_ffe1L, machine.configRead(slot, BAR0 + 4, 4));
        machine.configWrite(slot, BAR0 + 4, 4, 0xd000);
        assertEquals(0x5a, machine.in(0xd01f, 1));
        machine.configWrite(slot, COMMAND, 2, 2);
        assertEquals(0xff, machine.in(0xd01f, 1));
    }

    @Test
    void shouldGiveOutAlignedAddressesThatDoNotOverlap() {
        int first = machine.pci.add(withMemoryBar(0x1000, 1));
        int second = machine.pci.add(withMemoryBar(0x100000, 2));
        int third = machine.pci.add(withMemoryBar(0x1000, 3));

        assertEquals(0xc000_0000L, machine.barAddress(first, 0));
        assertEquals(0xc010_0000L, machine.barAddress(second, 0));
        assertEquals(0xc000_1000L, machine.barAddress(third, 0));
        assertEquals(2, machine.read(0xc01f_ffffL, 1));
        assertEquals(3, machine.read(0xc000_1000L, 4));
    }

    @Test
    void shouldPut64BitBarsAbove4GiBAndGoBelowWhenFull() {
        PciFunction high = new PciFunction(IDENTITY);
        high.addMemory64Bar(0, TestMachine.MEMORY64_BYTES, new RecordingDevice(1), PciBarListener.NONE);
        high.addMemory64Bar(2, 0x1000, new RecordingDevice(2), PciBarListener.NONE);
        int slot = machine.pci.add(high);

        assertEquals(TestMachine.MEMORY64_START, machine.barAddress(slot, 0));
        assertEquals(0xc000_0000L, machine.barAddress(slot, 2));
        assertEquals(1, machine.read(TestMachine.MEMORY64_START, 1));
        assertEquals(2, machine.read(0xc000_0000L, 1));
    }

    @Test
    void shouldLeaveBarWithoutAddressWhereNoneIsFree() {
        int slot = machine.pci.add(withMemoryBar(0x4000_0000L, 1));

        assertEquals(0, machine.barAddress(slot, 0));
        assertEquals(0, machine.configRead(slot, COMMAND, 2));
    }

    /** §6.2.5: software may move a BAR at any time. */
    @Test
    void shouldFollowBarThatGuestMoves() {
        List<String> heard = new ArrayList<>();
        PciFunction function = new PciFunction(IDENTITY);
        function.addMemoryBar(0, 0x1000, new RecordingDevice(1), new PciBarListener() {
            @Override
            public void mapped(long address) {
                heard.add("mapped " + Long.toHexString(address));
            }

            @Override
            public void unmapped() {
                heard.add("unmapped");
            }
        });
        int slot = machine.pci.add(function);

        machine.configWrite(slot, BAR0, 4, 0xd000_0000L);

        assertEquals(0xff, machine.read(0xc000_0000L, 1));
        assertEquals(1, machine.read(0xd000_0fffL, 1));
        assertEquals(List.of("mapped c0000000", "unmapped", "mapped d0000000"), heard);
    }

    /** §6.2.2: Memory Space off means no answer. */
    @Test
    @Tag("virtio:4.1.1/pci")
    void shouldDecodeOnlyWhileMemorySpaceIsEnabled() {
        int slot = machine.pci.add(withMemoryBar(0x1000, 1));

        machine.configWrite(slot, COMMAND, 2, 0);
        assertEquals(0xff, machine.read(0xc000_0000L, 1));
        machine.configWrite(slot, COMMAND, 2, 2);
        assertEquals(1, machine.read(0xc000_0000L, 1));
    }

    @Test
    void shouldDecodeOnlyInsideWindowsOfHostBridge() {
        int slot = machine.pci.add(withMemoryBar(0x1000, 1));

        for (long outside : new long[] {0, 0x1000_0000L, 0xbfff_f000L, 0xe000_0000L, 0xfeb0_0000L, 0xfee0_0000L}) {
            machine.configWrite(slot, BAR0, 4, outside);
            assertTrue(machine.read(outside, 1) != 1, Long.toHexString(outside));
        }
        machine.configWrite(slot, BAR0, 4, 0xfeaf_f000L);
        assertEquals(1, machine.read(0xfeaf_f000L, 1));
    }

    @Test
    void shouldShowBarThatWasInTheWayOnceItIsNot() {
        int first = machine.pci.add(withMemoryBar(0x1000, 1));
        int second = machine.pci.add(withMemoryBar(0x1000, 2));

        machine.configWrite(second, BAR0, 4, 0xc000_0000L);
        assertEquals(1, machine.read(0xc000_0000L, 1));
        assertEquals(0xff, machine.read(0xc000_1000L, 1));

        machine.configWrite(first, BAR0, 4, 0xc000_1000L);
        assertEquals(2, machine.read(0xc000_0000L, 1));
        assertEquals(1, machine.read(0xc000_1000L, 1));
    }

    @Test
    void shouldRefuseBarsThatCannotBe() {
        PciFunction function = new PciFunction(IDENTITY);
        function.addMemory64Bar(0, 0x1000, new RecordingDevice(1), PciBarListener.NONE);
        RecordingDevice registers = new RecordingDevice(1);

        assertThrows(IllegalStateException.class,
                () -> function.addMemoryBar(1, 0x1000, registers, PciBarListener.NONE));
        assertThrows(IllegalStateException.class,
                () -> function.addMemory64Bar(5, 0x1000, registers, PciBarListener.NONE));
        assertThrows(IllegalArgumentException.class,
                () -> function.addMemoryBar(2, 0x1800, registers, PciBarListener.NONE));
        assertThrows(IllegalArgumentException.class,
                () -> function.addMemoryBar(2, 8, registers, PciBarListener.NONE));
    }

    /** §6.7. */
    @Test
    @Tag("virtio:4.1.1/pci")
    void shouldLinkCapabilities() {
        PciFunction function = new PciFunction(IDENTITY);
        assertEquals(0x40, function.config().addCapability(0x09, 17));
        assertEquals(0x54, function.config().addCapability(0x05, 4));
        int slot = machine.pci.add(function);

        assertEquals(0x10, machine.configRead(slot, STATUS, 2) & 0x10);
        assertEquals(0x40, machine.findCapability(slot, 0x09, 0));
        assertEquals(0x54, machine.findCapability(slot, 0x05, 0));
        assertEquals(0, machine.configRead(slot, 0x55, 1));
        assertThrows(IllegalStateException.class, () -> function.config().addCapability(0x09, 0xb0));
    }

    /** §6.2.4; the wire of a slot is as ACPI's _PRT says. */
    @Test
    void shouldTellPinAndGsi() {
        int slot = 0;
        for (int i = 0; i < 9; i++) {
            PciFunction function = new PciFunction(IDENTITY);
            function.intx();
            slot = machine.pci.add(function);
        }

        assertEquals(9, slot);
        assertEquals(17, machine.configRead(9, 0x3c, 1));
        assertEquals(1, machine.configRead(9, 0x3d, 1));
        assertEquals(16, machine.configRead(8, 0x3c, 1));
        machine.configWrite(9, 0x3c, 2, 0xff05);
        assertEquals(0x0105, machine.configRead(9, 0x3c, 2));
    }

    /** §2.2.6: slots 1 and 9 pull the same wire. */
    @Test
    void shouldShareWire() {
        PciFunction first = new PciFunction(IDENTITY);
        PciFunction second = new PciFunction(IDENTITY);
        InterruptLine firstPin = first.intx();
        InterruptLine secondPin = second.intx();
        machine.pci.add(1, first);
        machine.pci.add(9, second);

        firstPin.set(true);
        secondPin.set(true);
        firstPin.set(false);
        assertTrue(machine.gsis[17].isAsserted());
        machine.pci.remove(second);
        assertFalse(machine.gsis[17].isAsserted());
    }

    /** §6.2.2, §6.2.3: Interrupt Disable takes the pin down and leaves Interrupt Status. */
    @Test
    @Tag("virtio:4.1.1/pci")
    void shouldHonourInterruptDisableAndTellStatus() {
        PciFunction function = new PciFunction(IDENTITY);
        InterruptLine pin = function.intx();
        int slot = machine.pci.add(function);

        assertEquals(0, machine.configRead(slot, STATUS, 2) & 8);
        pin.set(true);
        assertTrue(machine.gsis[17].isAsserted());
        assertEquals(8, machine.configRead(slot, STATUS, 2) & 8);
        machine.configWrite(slot, COMMAND, 2, 0x400);
        assertFalse(machine.gsis[17].isAsserted());
        assertEquals(8, machine.configRead(slot, STATUS, 1) & 8);
        machine.configWrite(slot, COMMAND, 2, 0);
        assertTrue(machine.gsis[17].isAsserted());
    }

    @Test
    void shouldLeaveNothingBehindOnceRemoved() {
        PciFunction function = withMemoryBar(0x1000, 1);
        int slot = machine.pci.add(function);

        machine.pci.remove(function);

        assertEquals(0xffff_ffffL, machine.configRead(slot, 0, 4));
        assertEquals(0xff, machine.read(0xc000_0000L, 1));
        assertEquals(slot, machine.pci.add(withMemoryBar(0x1000, 2)));
        assertEquals(2, machine.read(0xc000_0000L, 1));
    }

    @Test
    void shouldRefuseMoreFunctionsThanThereAreSlots() {
        for (int slot = 1; slot < PciRoot.SLOTS; slot++) {
            machine.pci.add(new PciFunction(IDENTITY));
        }
        assertThrows(IllegalStateException.class, () -> machine.pci.add(new PciFunction(IDENTITY)));
        assertThrows(IllegalStateException.class, () -> machine.pci.add(0, new PciFunction(IDENTITY)));
    }

    /** Into a bus that a guest has looked at: it has placed other BARs, and will place these. */
    @Test
    void shouldLeaveBarsOfAPluggedFunctionToTheGuest() {
        machine.pci.add(withMemoryBar(0x1000, 1));
        int slot = machine.pci.plug(withMemoryBar(0x1000, 2), 0);

        assertEquals(2, slot);
        assertEquals(0, machine.barAddress(slot, 0));
        assertEquals(0, machine.configRead(slot, COMMAND, 2));
        assertEquals(0xff, machine.read(0xc000_1000L, 1));
        machine.configWrite(slot, BAR0, 4, 0xc000_1000L);
        machine.configWrite(slot, COMMAND, 2, 2);
        assertEquals(2, machine.read(0xc000_1000L, 1));
        assertEquals(1, machine.read(0xc000_0000L, 1));
    }

    /** A driver that was not asked finds registers that answer, but no function. */
    @Test
    void shouldLeaveTheRegistersOfAFunctionThatVanished() {
        PciFunction function = withMemoryBar(0x1000, 1);
        InterruptLine pin = function.intx();
        int slot = machine.pci.add(function);
        pin.set(true);

        machine.pci.vanish(function);

        assertEquals(0xffff_ffffL, machine.configRead(slot, 0, 4));
        assertEquals(1, machine.read(0xc000_0000L, 1));
        assertFalse(machine.gsis[17].isAsserted());
        machine.pci.clear(slot);
        machine.pci.clear(slot);
        assertEquals(0xff, machine.read(0xc000_0000L, 1));
    }

    @Test
    void shouldMakeRoomWhereAFunctionVanished() {
        PciFunction function = withMemoryBar(0x1000, 1);
        int slot = machine.pci.add(function);
        int other = machine.pci.plug(withMemoryBar(0x1000, 2), 0);
        machine.configWrite(other, BAR0, 4, 0xc000_0000L);
        machine.configWrite(other, COMMAND, 2, 2);
        machine.pci.vanish(function);
        assertEquals(1, machine.read(0xc000_0000L, 1));

        assertEquals(slot, machine.pci.plug(withMemoryBar(0x1000, 3), 0));

        assertEquals(2, machine.read(0xc000_0000L, 1));
    }

    @Test
    void shouldTellHowManySlotsAreFree() {
        assertEquals(31, machine.pci.freeSlots());
        machine.pci.plug(withMemoryBar(0x1000, 1), 0);
        PciFunction second = withMemoryBar(0x1000, 2);
        machine.pci.plug(second, 0);
        assertEquals(29, machine.pci.freeSlots());
        machine.pci.remove(second);
        assertEquals(30, machine.pci.freeSlots());
    }
}
