// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.RecordedLine;
import dev.miraflores.devices.RegisterStorm;
import dev.miraflores.devices.Resettable;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.BeforeTry;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whatever a guest has done to it, a device that is reset is as a new one. */
class ResetProperties {

    private static final int INDEX = 0;
    private static final int DATA = 1;

    private final RecordedPower power = new RecordedPower();
    private RecordedLine line;

    /** Of its own for each try: the device of the last one has left its line as it was. */
    @BeforeTry
    @BeforeEach
    void connectLine() {
        line = new RecordedLine();
    }

    private <T extends BusDevice & Resettable> void assertAsNew(T used, T fresh, int portCount, long seed) {
        RegisterStorm.run(used, portCount, seed, 500);
        used.reset();
        assertFalse(line.asserted(), "a line is high");
        RegisterStorm.runBoth(used, fresh, portCount, ~seed, 500);
    }

    @Property(tries = 200)
    void shouldResetTheKeyboardController(@ForAll long seed) {
        RecordedLine other = new RecordedLine();
        assertAsNew(new I8042(line, line, power), new I8042(other, other, power), I8042.PORT_COUNT, seed);
    }

    @Property(tries = 200)
    void shouldResetAcpi(@ForAll long seed) {
        AtomicLong now = new AtomicLong(1);
        try (AcpiPm used = new AcpiPm(line, power, false, now::get);
                AcpiPm fresh = new AcpiPm(new RecordedLine(), power, false, now::get)) {
            used.raiseGpe(1);
            used.pressPowerButton();
            assertAsNew(used, fresh, AcpiPm.PORT_COUNT, seed);
        }
    }

    /** The timer's carry of before is not the new guest's. */
    @Test
    void shouldForgetThatThePmTimerHasCarried() {
        AtomicLong now = new AtomicLong(1);
        try (AcpiPm pm = new AcpiPm(line, power, false, now::get)) {
            now.addAndGet(3_000_000_000L); // more than 2^23 ticks
            assertEquals(1, pm.read(AcpiPm.PM1_STATUS, 2));
            pm.reset();
            assertEquals(0, pm.read(AcpiPm.PM1_STATUS, 2));
        }
    }

    @Property(tries = 50)
    void shouldResetTheSmallPorts(@ForAll long seed) {
        assertAsNew(new ResetControlPort(power), new ResetControlPort(power), 1, seed);
        assertAsNew(new SystemControlPortA(power), new SystemControlPortA(power), 1, seed);
        assertAsNew(new PostPort(), new PostPort(), 1, seed);
    }

    private static int cmos(Rtc rtc, int index) {
        rtc.writeByte(INDEX, index);
        return rtc.readByte(DATA);
    }

    private static void setCmos(Rtc rtc, int index, int value) {
        rtc.writeByte(INDEX, index);
        rtc.writeByte(DATA, value);
    }

    @Property(tries = 100)
    void shouldEndTheClocksInterrupts(@ForAll long seed) {
        AtomicLong now = new AtomicLong(1_800_000_000_000_000_000L);
        try (Rtc rtc = new Rtc(line, 1L << 30, 1L << 32, now::get)) {
            RegisterStorm.run(rtc, Rtc.PORT_COUNT, seed, 500);
            for (int index = 0x15; index < 0x60; index++) {
                setCmos(rtc, index, (int) seed & 0xFF);
            }
            now.addAndGet(10_000_000_000L);
            rtc.reset();
            assertFalse(line.asserted(), "its line is high");
            assertEquals(0x26, cmos(rtc, 0x0A) & 0x7F);
            assertEquals(0x02, cmos(rtc, 0x0B));
            assertEquals(0x00, cmos(rtc, 0x0C));
            assertEquals(0x80, cmos(rtc, 0x0D));
            // Sizes of RAM are firmware's to say; all else has a battery.
            assertEquals(640, cmos(rtc, 0x15) | cmos(rtc, 0x16) << 8);
            assertEquals(1 << 16, cmos(rtc, 0x5B) | cmos(rtc, 0x5C) << 8 | cmos(rtc, 0x5D) << 16);
            assertEquals((int) seed & 0xFF, cmos(rtc, 0x40));
        }
    }

    @Test
    void shouldKeepTheTimeThatWasSet() {
        AtomicLong now = new AtomicLong(1_800_000_000_000_000_000L);
        try (Rtc rtc = new Rtc(line, 1L << 30, 0, now::get)) {
            setCmos(rtc, 0x09, 0x51);
            setCmos(rtc, 0x0B, 0xF6); // held, binary, all interrupts
            setCmos(rtc, 0x09, 12);   // not taken over
            rtc.reset();
            assertEquals(0x51, cmos(rtc, 0x09));
            int second = cmos(rtc, 0x00);
            now.addAndGet(1_000_000_000L);
            assertEquals((second & 15) == 9 ? second + 7 : second + 1, cmos(rtc, 0x00));
        }
    }
}
