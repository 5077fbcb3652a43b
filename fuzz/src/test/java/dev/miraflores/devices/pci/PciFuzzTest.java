// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.testkit.RecordingDevice;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any accesses by both configuration mechanisms, BARs moved onto each other and out of their windows, MSI-X tables
 * written while vectors are signalled (PCI 3.0 §3.2.2.3.2, §6.2.5.1, §6.8.2).
 */
class PciFuzzTest {

    private static final int PORT = 0;
    private static final int ECAM = 1;
    private static final int MEMORY = 2;
    private static final int SIGNAL = 3;
    private static final int EVENTS = 4;

    private static final PciIdentity IDENTITY = new PciIdentity(0x1234, 0x5678, 1, 0xff0000, 0x1af4, 0x1100);
    private static final int FUNCTIONS = 3;
    private static final int VECTORS = 5;
    private static final int PAGE_BYTES = 0x1000;
    private static final int WIDE_BYTES = 0x1_0000;
    private static final int UNCLAIMED = 0xff;
    private static final long[] PLACES = {0xc000_0000L, 0xe000_0000L, 0xf000_0000L, TestMachine.MEMORY64_START};

    static Stream<byte[]> seeds() {
        Seed moves = new Seed();
        for (int slot = 1; slot <= FUNCTIONS; slot++) {
            moves.u8(ECAM, slot).u16(0x10).u8(4 | 2).u32(0xc010_0000L);
            moves.u8(ECAM, slot).u16(0x1c).u8(4 | 2).u32(0x10);
            moves.u8(ECAM, slot).u16(0x04).u8(4 | 1).u16(slot);
        }
        Seed ports = new Seed().u8(PORT, 0).u8(4 | 2).u32(0x8000_0810L).u8(PORT, 4).u8(4 | 2).u32(0xffff_ffffL);
        ports.u8(PORT, 4).u8(2).u8(PORT, 7).u8(4).u8(1).u8(PORT, 0).u8(4 | 1).u16(-1);
        Seed msix = new Seed().u8(ECAM, 1).u16(0x42).u8(4 | 1).u16(0x8000);
        msix.u8(MEMORY, 0).u32(0x2_0000).u8(4 | 3).u64(0xfee0_0000L).u8(SIGNAL, 0);
        // All ones in the MSI-X table, and another BAR moved onto it: what answers there is not what asks.
        Seed onto = new Seed().u8(MEMORY, 0).u32(0x1008).u8(4 | 2).u32(-1);
        onto.u8(ECAM, 1).u16(0x10).u8(4 | 2).u32(0xc000_1000L);
        Seed edges = new Seed();
        for (int register : new int[] {0xf9, 0xfc, 0xff, 0x100, 0x103, 0xfff}) {
            edges.u8(ECAM, 1).u16(register).u8(3).u8(ECAM, 1).u16(register).u8(4 | 3).u64(-1);
        }
        return Stream.of(moves, ports, msix, onto, edges).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldSurviveAnyAccess(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        try (TestMachine machine = new TestMachine(); Msix msix = new Msix(VECTORS, machine.msis)) {
            for (int slot = 1; slot <= FUNCTIONS; slot++) {
                machine.pci.add(slot, function(slot, slot == 1 ? msix : null));
            }
            try (Bounds _ = new Bounds()) {
                while (input.hasMore()) {
                    happen(machine, msix, input);
                }
            }
            for (int slot = 1; slot <= FUNCTIONS; slot++) {
                assertIntact(machine, slot);
                assertAnswers(machine, slot, 0, PAGE_BYTES);
                assertAnswers(machine, slot, 2, WIDE_BYTES);
            }
        }
    }

    private static void happen(TestMachine machine, Msix msix, FuzzInput input) {
        switch (input.below(EVENTS)) {
            case PORT -> access(machine, input, true, 0xcf8 + input.below(12));
            case ECAM -> access(machine, input, false,
                    machine.map.ecamBase() + ((long) input.u8() << 15) + input.u16() % 0x1100);
            case MEMORY -> access(machine, input, false, input.among(PLACES) + input.u32() % 0x40_0000);
            default -> msix.signal(input.below(VECTORS));
        }
        assertTrue(machine.msis.connections() <= VECTORS);
        machine.msis.takeMessages();
    }

    private static void access(TestMachine machine, FuzzInput input, boolean port, long address) {
        int kind = input.u8();
        int byteSize = 1 << (kind & 3);
        if ((kind & 4) == 0) {
            long ignored = port ? machine.in((int) address, byteSize) : machine.read(address, byteSize);
        } else if (port) {
            machine.out((int) address, byteSize, input.number(byteSize));
        } else {
            machine.write(address, byteSize, input.number(byteSize));
        }
    }

    /** What a guest cannot write is as it was. */
    private static void assertIntact(TestMachine machine, int slot) {
        assertEquals(0x5678_1234L, machine.configRead(slot, 0, 4));
        assertEquals(0, machine.configRead(slot, 0x10, 4) & 0xfff);
        assertEquals(0xc, machine.configRead(slot, 0x18, 4) & 0xffff);
        assertEquals(1, machine.configRead(slot, 0x20, 4) & 0xf);
        assertEquals(0x1100_1af4L, machine.configRead(slot, 0x2c, 4));
    }

    /** Where a BAR is decoded and inside a window, one of those that say they are there answers: this, or what is in its way. */
    private static void assertAnswers(TestMachine machine, int slot, int bar, int byteSize) {
        long address = machine.barAddress(slot, bar);
        boolean window32 = address >= 0xc000_0000L && address < 0xe000_0000L
                || address >= 0xf000_0000L && address < 0xfeb0_0000L;
        boolean window64 = bar == 2 && address >= TestMachine.MEMORY64_START
                && address < TestMachine.MEMORY64_START + TestMachine.MEMORY64_BYTES;
        if ((machine.configRead(slot, 4, 2) & 2) != 0 && (window32 || window64)) {
            boolean answered = false;
            for (long page = address; page < address + byteSize; page += PAGE_BYTES) {
                // Of an MSI-X table this is a reserved byte of a vector's control word: zero.
                answered |= machine.read(page + 13, 1) != UNCLAIMED;
            }
            assertTrue(answered, Long.toHexString(address) + " answers nothing");
        }
    }

    private static PciFunction function(int slot, Msix msix) {
        PciFunction function = new PciFunction(IDENTITY);
        function.addMemoryBar(0, PAGE_BYTES, new RecordingDevice(slot), PciBarListener.NONE);
        function.addMemory64Bar(2, WIDE_BYTES, new RecordingDevice(slot), PciBarListener.NONE);
        function.addIoBar(4, 0x10, new RecordingDevice(slot), PciBarListener.NONE);
        function.intx().set(true);
        if (msix != null) {
            function.addMsix(1, msix);
        }
        return function;
    }
}
