// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.miraflores.devices.RecordedLine;
import dev.miraflores.devices.RegisterStorm;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Any order of any accesses neither throws nor hangs; time passes, and jumps, in between. */
class PlatformProperties {

    private final RecordedPower power = new RecordedPower();
    private final RecordedLine line = new RecordedLine();

    @Property(tries = 300)
    void shouldSurviveAnyAccessesToTheKeyboardController(@ForAll long seed) {
        RegisterStorm.run(new I8042(line, new RecordedLine(), power), I8042.PORT_COUNT, seed, 2000);
    }

    @Property(tries = 200)
    void shouldSurviveAnyAccessesToTheClock(@ForAll long seed, @ForAll long jump) {
        assertTimeoutPreemptively(Duration.ofSeconds(30), () -> stormTheClock(seed, jump));
    }

    private void stormTheClock(long seed, long jump) {
        AtomicLong now = new AtomicLong(1_800_000_000_000_000_000L);
        try (Rtc rtc = new Rtc(line, 1L << 30, 0, now::get)) {
            for (int round = 0; round < 20; round++) {
                RegisterStorm.run(rtc, Rtc.PORT_COUNT, seed + round, 100);
                now.addAndGet((jump >>> round) % 4_000_000_000_000_000L);
            }
        }
    }

    @Property(tries = 200)
    void shouldSurviveAnyAccessesToAcpi(@ForAll long seed) {
        assertTimeoutPreemptively(Duration.ofSeconds(30), () -> stormAcpi(seed));
    }

    private void stormAcpi(long seed) {
        try (AcpiPm pm = new AcpiPm(line, power, (seed & 1) != 0)) {
            RegisterStorm.run(pm, AcpiPm.PORT_COUNT, seed, 2000);
            pm.raiseGpe((int) seed);
            pm.pressPowerButton();
        }
    }

    @Property(tries = 50)
    void shouldSurviveAnyAccessesToTheSmallPorts(@ForAll long seed) {
        RegisterStorm.run(new ResetControlPort(power), 1, seed, 200);
        RegisterStorm.run(new SystemControlPortA(power), 1, seed, 200);
        RegisterStorm.run(new DebugExitPort(power), DebugExitPort.PORT_COUNT, seed, 200);
        RegisterStorm.run(new PostPort(), 1, seed, 200);
    }
}
