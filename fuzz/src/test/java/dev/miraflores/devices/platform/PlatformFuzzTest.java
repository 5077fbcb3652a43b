// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.Bus;
import dev.miraflores.devices.testkit.FakeInterruptLine;
import dev.miraflores.devices.testkit.TestMachine;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/** Any accesses of the keyboard controller, the clock, ACPI's registers and the small ports, while time jumps. */
class PlatformFuzzTest {

    private static final long[] PORTS = {0x60, 0x64, 0x70, 0x71, 0x80, 0x92, 0xf4, 0xcf9, 0x600, 0x602, 0x604, 0x608,
        0x620, 0x624, 0x610, 0x61};
    private static final int TIME = 0x80;
    private static final int EVENT = 0x40;
    private static final int WRITE = 0x20;
    private static final long START_NS = 1_800_000_000_000_000_000L;
    // A host's clock may be set, but stays within its 64 bits of nanoseconds since 1970.
    private static final long MAX_NS = 4_000_000_000_000_000_000L;

    static Stream<byte[]> seeds() {
        // Each event: the port's index, WRITE, a byte for width and the offset, then what is written.
        Seed keyboard = new Seed().u8(WRITE | 1, 0, 0xaa, 0, 0, WRITE, 0, 0xff, 0, 0, WRITE | 1, 0, 0x60, WRITE, 0, 0x45);
        Seed clock = new Seed().u8(WRITE | 2, 0, 0x0b, WRITE | 3, 0, 0x72, TIME).u32(0x3fff_ffff).u8(WRITE | 2, 0, 0x0c, 3, 0);
        Seed alarm = new Seed().u8(WRITE | 2, 0, 5, WRITE | 3, 0, 0x99, WRITE | 2, 0, 0x0b, WRITE | 3, 0, 0x26);
        Seed acpi = new Seed().u8(WRITE | 9, 1).u16(0x121).u8(EVENT, 3, 8, 0, WRITE | 8, 1).u16(0xffff)
            .u8(WRITE | 10, 1).u16(0x3400);
        return Stream.of(keyboard, clock, alarm, acpi).map(Seed::bytes);
    }

    private long nowNs = START_NS;

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:divisor")
    @Tag("class:selector")
    void shouldSurviveAnyAccess(byte[] bytes) {
        nowNs = START_NS;
        FuzzInput input = new FuzzInput(bytes);
        FakeInterruptLine line = new FakeInterruptLine();
        RecordedPower power = new RecordedPower();
        Bus ports = new Bus();
        try (Rtc rtc = new Rtc(line, 1L << 30, 0, () -> nowNs);
             AcpiPm pm = new AcpiPm(new FakeInterruptLine(), power, false, () -> nowNs);
             Bounds _ = new Bounds()) {
            I8042 keyboard = new I8042(new FakeInterruptLine(), new FakeInterruptLine(), power);
            ports.map(0x60, I8042.PORT_COUNT, keyboard);
            ports.map(0x70, Rtc.PORT_COUNT, rtc);
            ports.map(0x80, 1, new PostPort());
            ports.map(0x92, 1, new SystemControlPortA(power));
            ports.map(0xf4, DebugExitPort.PORT_COUNT, new DebugExitPort(power));
            ports.map(0xcf9, 1, new ResetControlPort(power));
            ports.map(0x600, AcpiPm.PORT_COUNT, pm);
            while (input.hasMore()) {
                happen(ports, pm, input);
            }
        }
    }

    private void happen(Bus ports, AcpiPm pm, FuzzInput input) {
        int event = input.u8();
        if ((event & TIME) != 0) {
            long jump = (int) input.u32() * (1L << (event & 31));
            nowNs = Math.clamp(nowNs + jump, 0, MAX_NS);
        } else if ((event & EVENT) != 0) {
            pm.raiseGpe(input.u8() & 31);
            pm.pressPowerButton();
        } else {
            int how = input.u8();
            int byteSize = 1 << (how & 3);
            long port = PORTS[event % PORTS.length] + (how >> 2 & 3);
            if ((event & WRITE) != 0) {
                ports.write(port, byteSize, input.number(byteSize) & TestMachine.mask(byteSize));
            } else {
                ports.read(port, byteSize);
            }
        }
    }
}
