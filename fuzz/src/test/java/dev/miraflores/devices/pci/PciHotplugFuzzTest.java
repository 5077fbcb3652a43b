// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.testkit.RecordingDevice;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Slots are filled, asked for and taken by force, while a guest makes any accesses of their registers, of configuration
 * space and of the windows: what it ejects was there, and what it cannot have ejected still is.
 */
class PciHotplugFuzzTest {

    private static final int PLUG = 0;
    private static final int ASK = 1;
    private static final int FORCE = 2;
    private static final int REGISTERS = 3;
    private static final int CONFIGURATION = 4;
    private static final int MEMORY = 5;
    private static final int EVENTS = 6;

    private static final int PORT = 0x640;
    private static final int MAX_SLOT = 5;
    private static final PciIdentity IDENTITY = new PciIdentity(0x1234, 0x5678, 1, 0xff0000, 0x1af4, 0x1100);

    static Stream<byte[]> seeds() {
        Seed polite = new Seed().u8(PLUG, REGISTERS, 0, 2).u8(CONFIGURATION, 1, 0x10, 4 | 2).u32(0xc000_0000L)
                .u8(CONFIGURATION, 1, 0x04, 4 | 1).u16(2).u8(MEMORY, 0).u8(ASK, 1).u8(REGISTERS, 4, 2)
                .u8(REGISTERS, 8, 4 | 2).u32(2);
        Seed forced = new Seed().u8(PLUG, CONFIGURATION, 1, 0x10, 4 | 2).u32(0xc000_0000L)
                .u8(CONFIGURATION, 1, 0x04, 4 | 1).u16(2).u8(FORCE, 1, MEMORY, 0, PLUG).u8(REGISTERS, 4, 2)
                .u8(REGISTERS, 8, 4 | 2).u32(-1).u8(MEMORY, 0);
        Seed odd = new Seed().u8(PLUG, PLUG, PLUG).u8(REGISTERS, 7, 4 | 3).u64(-1).u8(REGISTERS, 13, 3).u8(PLUG);
        return Stream.of(polite, forced, odd).map(Seed::bytes);
    }

    private final PciFunction[] filled = new PciFunction[PciRoot.SLOTS];

    @MethodSource("seeds")
    @FuzzTest
    void shouldSurviveAnyAccess(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        try (TestMachine machine = new TestMachine()) {
            PciHotplugController controller = new PciHotplugController(() -> { }, new Host(machine.pci));
            machine.ports.map(PORT, PciHotplugController.PORT_COUNT, controller);
            try (Bounds _ = new Bounds()) {
                while (input.hasMore()) {
                    happen(machine, controller, input);
                }
            }
            long removable = machine.in(PORT + PciHotplugController.REMOVABLE, 4);
            for (int slot = 1; slot < PciRoot.SLOTS; slot++) {
                long ids = filled[slot] == null ? 0xffff_ffffL : 0x5678_1234L;
                assertEquals(ids, machine.configRead(slot, 0, 4));
                assertEquals(filled[slot] == null ? 0 : 1, removable >>> slot & 1);
                filled[slot] = null;
            }
        }
    }

    private void happen(TestMachine machine, PciHotplugController controller, FuzzInput input) {
        switch (input.below(EVENTS)) {
            case PLUG -> plug(machine.pci, controller);
            case ASK -> controller.requestEject(1 + input.below(MAX_SLOT));
            case FORCE -> force(machine.pci, controller, 1 + input.below(MAX_SLOT));
            case REGISTERS -> access(machine, input, true, PORT + input.below(PciHotplugController.PORT_COUNT + 4));
            case CONFIGURATION -> access(machine, input, false,
                    machine.map.ecamBase() + ((long) input.below(MAX_SLOT + 2) << 15) + input.u8());
            default -> access(machine, input, false, 0xc000_0000L + input.u8() * 0x100L);
        }
    }

    private void plug(PciRoot pci, PciHotplugController controller) {
        PciFunction function = new PciFunction(IDENTITY);
        function.addMemoryBar(0, 0x1000, new RecordingDevice(1), PciBarListener.NONE);
        function.intx().set(true);
        if (PciRoot.SLOTS - pci.freeSlots() <= MAX_SLOT) {
            int slot = pci.plug(function, controller.abandoned());
            filled[slot] = function;
            controller.plugged(slot);
        }
    }

    private void force(PciRoot pci, PciHotplugController controller, int slot) {
        if (controller.seize(slot)) {
            pci.vanish(filled[slot]);
            filled[slot] = null;
            controller.vanished(slot);
        }
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

    /** Empties slots as the guest ejects what is in them. */
    private final class Host implements PciEjectListener {

        private final PciRoot pci;

        Host(PciRoot pci) {
            this.pci = pci;
        }

        @Override
        public void ejected(int slot) {
            pci.remove(filled[slot]);
            filled[slot] = null;
        }

        @Override
        public void acknowledged(int slot) {
            pci.clear(slot);
        }
    }
}
