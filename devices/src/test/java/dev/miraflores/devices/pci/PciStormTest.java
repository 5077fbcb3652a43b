// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.testkit.RecordingDevice;
import dev.miraflores.devices.testkit.RegisterAccess;
import dev.miraflores.devices.testkit.TestMachine;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** A guest that does anything it likes to configuration space and to an MSI-X table. */
class PciStormTest {

    private static final PciIdentity IDENTITY = new PciIdentity(0x1234, 0x5678, 1, 0xff0000, 0x1af4, 0x1100);

    @Provide
    Arbitrary<List<RegisterAccess>> configAccesses() {
        return RegisterAccess.in(4, 0x104).list().ofMinSize(20).ofMaxSize(120);
    }

    /** Nothing throws, identities stay, and whatever BARs say, at most one device answers at an address. */
    @Property(tries = 300)
    void shouldSurviveAnyConfigAccess(@ForAll("configAccesses") List<RegisterAccess> storm) {
        try (TestMachine machine = new TestMachine(); Msix msix = new Msix(5, machine.msis)) {
            for (int slot = 1; slot <= 2; slot++) {
                machine.pci.add(slot, function(slot, slot == 1 ? msix : null));
            }
            for (RegisterAccess access : storm) {
                if ((access.value() & 1) == 0) {
                    access.at(machine, machine.map.ecamBase() + ((long) access.where() << 15));
                } else {
                    throughPorts(machine, access);
                }
            }
            for (int slot = 1; slot <= 2; slot++) {
                assertEquals(0x5678_1234L, machine.configRead(slot, 0, 4));
                assertEquals(0, machine.configRead(slot, 0x10, 4) & 0xfff);
                assertEquals(0xc, machine.configRead(slot, 0x18, 4) & 0xffff);
                assertEquals(1, machine.configRead(slot, 0x20, 4) & 0xf);
            }
        }
    }

    private static void throughPorts(TestMachine machine, RegisterAccess access) {
        machine.out(0xcf8, 4, 0x8000_0000L | (long) access.where() << 11 | access.offset() & 0xfc);
        int port = 0xcfc + (access.offset() & 3);
        int byteSize = Math.min(access.byteSize(), 4);
        if (access.write()) {
            machine.out(port, byteSize, access.value());
        } else {
            machine.in(port, byteSize);
        }
    }

    private static PciFunction function(int slot, Msix msix) {
        PciFunction function = new PciFunction(IDENTITY);
        function.addMemoryBar(0, 0x1000, new RecordingDevice(slot), PciBarListener.NONE);
        function.addMemory64Bar(2, 0x10000, new RecordingDevice(slot), PciBarListener.NONE);
        function.addIoBar(4, 0x10, new RecordingDevice(slot), PciBarListener.NONE);
        InterruptLine pin = function.intx();
        pin.set(true);
        if (msix != null) {
            function.addMsix(1, msix);
        }
        return function;
    }

    @Provide
    Arbitrary<List<RegisterAccess>> tableAccesses() {
        return RegisterAccess.in(1, 0x1000).list().ofMinSize(20).ofMaxSize(120);
    }

    @Provide
    Arbitrary<List<Integer>> controls() {
        return Arbitraries.of(0, 0x8000, 0xc000, 0x4000, 0xffff).list().ofSize(4);
    }

    /** Nothing throws, no signal is lost, and connections are exactly those of unmasked vectors. */
    @Property(tries = 300)
    @net.jqwik.api.Tag("class:selector")
    void shouldSurviveAnyMsixAccess(@ForAll("tableAccesses") List<RegisterAccess> storm,
                                    @ForAll("controls") List<Integer> controls) {
        int vectors = 6;
        try (TestMachine machine = new TestMachine(); Msix msix = new Msix(vectors, machine.msis)) {
            PciFunction function = new PciFunction(IDENTITY);
            function.addMsix(1, msix);
            int slot = machine.pci.add(function);
            int control = machine.findCapability(slot, 0x11, 0) + 2;
            long bar = machine.barAddress(slot, 1);
            int step = 0;
            for (RegisterAccess access : storm) {
                if (step % 30 == 0) {
                    machine.configWrite(slot, control, 2, controls.get(step / 30 % controls.size()));
                }
                boolean toTable = step % 2 == 0;
                new RegisterAccess(0, toTable ? access.offset() % 0x64 : access.offset(), access.byteSize(),
                        access.write(), access.value()).at(machine, bar);
                msix.signal(step++ % vectors);
                assertEquals(expectedConnections(machine, slot, control, bar, vectors), machine.msis.connections());
            }
            machine.msis.takeMessages();
            machine.configWrite(slot, control, 2, 0xc000);
            for (int vector = 0; vector < vectors; vector++) {
                msix.signal(vector);
            }
            assertEquals((1 << vectors) - 1, machine.read(bar + 0x800, 8));
            for (int vector = 0; vector < vectors; vector++) {
                machine.write(bar + 16L * vector + 12, 4, 0);
            }
            machine.configWrite(slot, control, 2, 0x8000);
            assertEquals(vectors, machine.msis.takeMessages().size());
            assertEquals(0, machine.read(bar + 0x800, 8));
        }
    }

    private static int expectedConnections(TestMachine machine, int slot, int control, long bar, int vectors) {
        long word = machine.configRead(slot, control, 2);
        if ((word & 0x8000) == 0 || (word & 0x4000) != 0) {
            return 0;
        }
        int unmasked = 0;
        for (int vector = 0; vector < vectors; vector++) {
            unmasked += 1 - (int) machine.read(bar + 16L * vector + 12, 4);
        }
        return unmasked;
    }

    @Provide
    Arbitrary<List<RegisterAccess>> barMoves() {
        return Combinators.combine(Arbitraries.integers().between(1, 3), Arbitraries.of(0x04, 0x10, 0x10, 0x18, 0x1c),
                Arbitraries.of(0L, 2L, 3L, 6L, 0xc000_0000L, 0xc000_1000L, 0xc001_0000L, 0xd000_0000L, 0xffff_ffffL,
                        0x10L, 0xe000_0000L)).as((slot, register, value) ->
                new RegisterAccess(slot, register, 4, true, value)).list().ofMinSize(5).ofMaxSize(60);
    }

    /** A BAR that is decoded, inside a window and alone at its place answers there. */
    @Property(tries = 300)
    void shouldAnswerWhereBarsSay(@ForAll("barMoves") List<RegisterAccess> moves) {
        try (TestMachine machine = new TestMachine()) {
            for (int slot = 1; slot <= 3; slot++) {
                PciFunction function = new PciFunction(IDENTITY);
                function.addMemoryBar(0, 0x1000, new RecordingDevice(slot), PciBarListener.NONE);
                function.addMemory64Bar(2, 0x1000, new RecordingDevice(slot + 8), PciBarListener.NONE);
                machine.pci.add(slot, function);
            }
            for (RegisterAccess move : moves) {
                machine.configWrite(move.where(), move.offset(), 4, move.value());
            }
            long[] places = new long[6];
            for (int i = 0; i < 6; i++) {
                boolean decodes = (machine.configRead(1 + i / 2, 4, 2) & 2) != 0;
                long address = machine.barAddress(1 + i / 2, i % 2 * 2);
                boolean inside = address >= 0xc000_0000L && address < 0xe000_0000L
                        || address >= 0xf000_0000L && address < 0xfeb0_0000L
                        || i % 2 == 1 && address >= TestMachine.MEMORY64_START
                        && address < TestMachine.MEMORY64_START + TestMachine.MEMORY64_BYTES;
                places[i] = decodes && inside ? address : -1 - i;
            }
            for (int i = 0; i < 6; i++) {
                if (places[i] >= 0) {
                    long answer = machine.read(places[i] + 8, 1);
                    boolean expected = false;
                    for (int j = 0; j < 6; j++) {
                        expected |= places[j] == places[i] && answer == 1 + j / 2 + (j % 2 == 1 ? 8 : 0);
                    }
                    assertTrue(expected, Long.toHexString(places[i]) + " answers " + answer);
                }
            }
        }
    }
}
