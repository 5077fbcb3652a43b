// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.testkit.FakeInterruptLine;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/** Any accesses of a serial port's registers while input and breaks arrive; no register takes more than it holds. */
class SerialFuzzTest {

    private static final int COM1 = 0x3f8;
    private static final int MCR_OUT2_AND_LOOP = 0x18;
    private static final int MCR_OUT2_ALONE = 0x08;

    static Stream<byte[]> seeds() {
        // Each event: a byte with the register (0 to 7), bit 3 to write, bits 4 and 5 for the width; 0x40 is input.
        Seed linux = new Seed().u8(0x0b, 0x80, 0x08, 1, 0x09, 0, 0x0b, 3, 0x0a, 0xc7, 0x0c, 0x0b, 0x09, 0x0f, 0x05);
        Seed loopback = new Seed().u8(0x0c, 0x1f, 0x08, 'x', 0x00, 0x05, 0x06, 0x02);
        Seed input = new Seed().u8(0x0a, 0x01, 0x40, 64, 0x09, 0x05, 0x02, 0x00, 0x80, 0x05, 0x0a, 0x07);
        Seed wide = new Seed().u8(0x38).u64(-1).u8(0x32, 0x1f).u32(0x1234_5678);
        return Stream.of(linux, loopback, input, wide).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:divisor")
    void shouldSurviveAnyAccess(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        FakeInterruptLine line = new FakeInterruptLine();
        try (TestMachine machine = new TestMachine();
             Serial16550A serial = new Serial16550A("com1", line, CharBackend.none())) {
            machine.ports.map(COM1, Serial16550A.PORT_COUNT, serial);
            long offered = 0;
            try (Bounds _ = new Bounds()) {
                while (input.hasMore()) {
                    int event = input.u8();
                    if ((event & 0x80) != 0) {
                        serial.sendBreak();
                    } else if ((event & 0x40) != 0) {
                        byte[] typed = new byte[input.u8()];
                        offered += serial.offer(typed, 0, typed.length);
                    } else {
                        access(machine, COM1 + (event & 7), 1 << (event >> 4 & 3), (event & 8) != 0, input);
                    }
                }
            }
            assertTrue(offered <= bytes.length * 256L);
            assertLineFollows(machine, line);
        }
    }

    private static void access(TestMachine machine, int port, int byteSize, boolean write, FuzzInput input) {
        if (write) {
            machine.out(port, byteSize, input.number(byteSize));
        } else {
            machine.in(port, byteSize);
        }
    }

    /** The line is high exactly while IIR names an interrupt and MCR lets it through. */
    private static void assertLineFollows(TestMachine machine, FakeInterruptLine line) {
        // Not the transmitter's interrupt: another thread raises it, and reading IIR takes it back.
        machine.out(COM1 + 3, 1, 0);
        machine.out(COM1 + 1, 1, machine.in(COM1 + 1, 1) & ~2);
        boolean asserted = line.isAsserted();
        boolean gate = (machine.in(COM1 + 4, 1) & MCR_OUT2_AND_LOOP) == MCR_OUT2_ALONE;
        boolean pending = (machine.in(COM1 + 2, 1) & 1) == 0;
        assertEquals(gate && pending, asserted);
    }
}
