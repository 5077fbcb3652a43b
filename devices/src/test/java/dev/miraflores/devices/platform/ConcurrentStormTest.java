// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.RecordedLine;
import dev.miraflores.devices.RegisterStorm;
import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.serial.Serial16550A;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** All vCPUs of a guest at one device at once, its timers and its input running: nothing throws, nothing locks up. */
class ConcurrentStormTest {

    private static final int THREADS = 4;
    private static final int ACCESSES = 50_000;

    private final RecordedLine line = new RecordedLine();
    private final RecordedPower power = new RecordedPower();

    private static void storm(BusDevice device, int portCount, Runnable meanwhile) throws InterruptedException {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread[] threads = new Thread[THREADS];
        for (int i = 0; i < THREADS; i++) {
            long seed = i;
            threads[i] = Thread.ofPlatform().daemon().start(() -> {
                try {
                    RegisterStorm.run(device, portCount, seed, ACCESSES);
                } catch (Throwable e) {
                    failure.set(e);
                }
            });
        }
        meanwhile.run();
        for (Thread thread : threads) {
            assertTrue(thread.join(Duration.ofSeconds(60)), "a vCPU hangs");
        }
        assertNull(failure.get());
    }

    @Test
    void shouldSurviveAllAtTheSerialPort() throws InterruptedException {
        try (Serial16550A uart = new Serial16550A("com1", line, CharBackend.none())) {
            storm(uart, Serial16550A.PORT_COUNT, () -> {
                byte[] typed = new byte[100];
                for (int i = 0; i < 10_000; i++) {
                    uart.offer(typed, 0, typed.length);
                    uart.sendBreak();
                }
            });
        }
    }

    @Test
    void shouldSurviveAllAtTheClock() throws InterruptedException {
        try (Rtc rtc = new Rtc(line, 1L << 30, 0)) {
            storm(rtc, Rtc.PORT_COUNT, () -> { });
        }
    }

    @Test
    void shouldSurviveAllAtTheKeyboardController() throws InterruptedException {
        storm(new I8042(line, new RecordedLine(), power), I8042.PORT_COUNT, () -> { });
    }

    @Test
    void shouldSurviveAllAtAcpi() throws InterruptedException {
        try (AcpiPm pm = new AcpiPm(line, power, false)) {
            storm(pm, AcpiPm.PORT_COUNT, () -> {
                for (int i = 0; i < 10_000; i++) {
                    pm.raiseGpe(i);
                    pm.pressPowerButton();
                }
            });
        }
    }
}
