// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.RecordedLine;
import dev.miraflores.devices.RegisterStorm;
import dev.miraflores.devices.character.CharBackend;
import java.time.Duration;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Any order of any accesses, with input arriving in between, neither throws nor hangs nor accumulates. */
class Serial16550AProperties {

    @Property(tries = 200)
    void shouldSurviveAnyRegisterAccesses(@ForAll long seed) {
        assertTimeoutPreemptively(Duration.ofSeconds(30), () -> storm(seed));
    }

    private static void storm(long seed) {
        RecordedLine line = new RecordedLine();
        try (Serial16550A uart = new Serial16550A("com1", line, CharBackend.none())) {
            byte[] input = new byte[64];
            long taken = 0;
            for (int round = 0; round < 10; round++) {
                RegisterStorm.run(uart, Serial16550A.PORT_COUNT, seed + round, 200);
                taken += uart.offer(input, 0, input.length);
                uart.sendBreak();
            }
            assertTrue(taken <= 10L * input.length);
        }
    }

    @Property(tries = 100)
    void shouldBeAsNewAfterAReset(@ForAll long seed) {
        RecordedLine line = new RecordedLine();
        try (Serial16550A used = new Serial16550A("used", line, CharBackend.none());
                Serial16550A fresh = new Serial16550A("fresh", new RecordedLine(), CharBackend.none())) {
            RegisterStorm.run(used, Serial16550A.PORT_COUNT, seed, 500);
            used.sendBreak();
            used.reset();
            assertTrue(!line.asserted(), "its line is high");
            RegisterStorm.runBoth(used, fresh, Serial16550A.PORT_COUNT, ~seed, 500);
        }
    }

    /** What was typed while the machine was reset is for the guest that comes. */
    @Property(tries = 1)
    void shouldKeepWhatWaitsOnTheLine() {
        try (Serial16550A uart = new Serial16550A("com1", new RecordedLine(), CharBackend.none())) {
            byte[] typed = {'a', 'b', 'c'};
            assertTrue(uart.offer(typed, 0, typed.length) == typed.length);
            assertTrue(uart.read(0, 1) == 'a');
            uart.reset();
            // One was in the receiver, whose FIFO is off.
            assertTrue(uart.read(0, 1) == 'c');
            assertTrue((uart.read(5, 1) & 1) == 0);
        }
    }

    /** The line is high exactly while IIR names an interrupt and MCR lets it through. */
    @Property(tries = 100)
    void shouldDriveTheLineAsTheRegistersSay(@ForAll long seed) {
        RecordedLine line = new RecordedLine();
        try (Serial16550A uart = new Serial16550A("com1", line, CharBackend.none())) {
            for (int round = 0; round < 50; round++) {
                RegisterStorm.run(uart, Serial16550A.PORT_COUNT, seed + round, 20);
                boolean asserted = line.asserted();
                boolean gate = (uart.read(4, 1) & 0x18) == 0x08;
                boolean pending = (uart.read(2, 1) & 1) == 0;
                assertTrue(asserted == (gate && pending), "asserted " + asserted + ", gate " + gate + ", pending " + pending);
            }
        }
    }
}
