// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.kvm.StopCause;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@link VirtualMachine} promises to a program that it is a part of. */
@KvmTest
class MachineLifeCycleTest {

    private static final int BLOCKS = 16;
    private static final Duration LIMIT = BuiltInGuest.LIMIT;
    private static final String HOLD = "mode=hold blocks=4 every=1000";

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private final ScriptedConsole serial = new ScriptedConsole();

    private Path image() throws IOException {
        return BuiltInGuest.disk(directory, BLOCKS);
    }

    private static VirtualMachine machine(String commandLine, ScriptedConsole console, Path image) {
        return VirtualMachine.create(BuiltInGuest.machine(commandLine, console)
                .drive(DriveConfig.of(image.toString()).withCache(CacheMode.WRITEBACK)).build());
    }

    private static void awaitRound(Path image, int round) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (BuiltInGuest.round(image) < round) {
            assertTrue(System.nanoTime() < deadline, "the guest does not get on");
            Thread.sleep(5);
        }
    }

    @Test
    void shouldGiveEverythingBackWhenItWasNeverStarted() throws IOException {
        Path image = image();
        try (VirtualMachine machine = machine(HOLD, serial, image)) {
            assertNull(machine.stopCause());
        }
        assertTrue(serial.isClosed());
        assertEquals("", serial.text());
        assertArrayEquals(new byte[BLOCKS * BuiltInGuest.BLOCK_BYTES], Files.readAllBytes(image));
        machine(HOLD, new ScriptedConsole(), image).close();           // its lock is gone, too
    }

    @Test
    void shouldCloseMoreThanOnce() throws IOException {
        VirtualMachine machine = machine(HOLD, serial, image());
        machine.close();
        machine.close();
        assertThrows(IllegalStateException.class, machine::start);
    }

    @Test
    void shouldStartOnlyOnce() throws IOException {
        try (VirtualMachine machine = machine("mode=spin", serial, image())) {
            machine.start();
            assertThrows(IllegalStateException.class, machine::start);
        }
    }

    @Test
    void shouldCloseInTheMiddleOfIo() throws IOException, InterruptedException {
        Path image = image();
        for (int time = 0; time < 3; time++) {
            VirtualMachine machine = machine(HOLD + " seed=" + (time + 1), new ScriptedConsole(), image);
            machine.start();
            awaitRound(image, 1);
            machine.close();
            assertEquals(new StopCause.HostRequest(), machine.stopCause());
            byte[] closed = Files.readAllBytes(image);
            Thread.sleep(20);
            assertArrayEquals(closed, Files.readAllBytes(image), "something was written after close");
            Files.write(image, new byte[BLOCKS * BuiltInGuest.BLOCK_BYTES]);
        }
    }

    @Test
    void shouldStandStillWhilePausedAndLoseNothing() throws IOException, InterruptedException {
        Path image = image();
        try (VirtualMachine machine = machine(HOLD, serial, image)) {
            machine.start();
            for (int time = 0; time < 3; time++) {
                awaitRound(image, BuiltInGuest.round(image) + 2);
                assertTrue(machine.pause());
                assertTrue(machine.isPaused());
                Thread.sleep(100);                               // what was in flight goes on to its end
                byte[] paused = Files.readAllBytes(image);
                Thread.sleep(100);
                assertArrayEquals(paused, Files.readAllBytes(image), "a paused guest writes");
                machine.resume();
                assertFalse(machine.isPaused());
            }
            awaitRound(image, BuiltInGuest.round(image) + 2);
            serial.type("q");
            assertEquals(new StopCause.PowerOff(), machine.await(LIMIT), serial.text());
            assertFalse(machine.pause(), "paused what has ended");
        }
        assertTrue(serial.text().contains("result: ok"), serial.text());
    }

    @Test
    void shouldBePausedBeforeItStarts() throws IOException, InterruptedException {
        try (VirtualMachine machine = machine("mode=poweroff", serial, image())) {
            assertTrue(machine.pause());
            machine.start();
            assertNull(machine.await(Duration.ofMillis(50)));
            assertEquals("", serial.text());
            machine.resume();
            assertEquals(new StopCause.PowerOff(), machine.await(LIMIT));
        }
    }

    @Test
    void shouldCloseWhilePaused() throws IOException, InterruptedException {
        Path image = image();
        try (VirtualMachine machine = machine(HOLD, serial, image)) {
            machine.start();
            awaitRound(image, 1);
            assertTrue(machine.pause());
        }
        assertTrue(serial.isClosed());
    }

    /** A guest that does not listen goes on as before. */
    @Test
    void shouldDoNoHarmToPressThePowerButton() throws IOException, InterruptedException {
        Path image = image();
        VirtualMachine machine = machine(HOLD, serial, image);
        try (machine) {
            machine.pressPowerButton();
            machine.start();
            serial.await("holding", LIMIT);
            machine.pressPowerButton();
            awaitRound(image, BuiltInGuest.round(image) + 2);
            machine.pressPowerButton();
            serial.type("q");
            assertEquals(new StopCause.PowerOff(), machine.await(LIMIT), serial.text());
            machine.pressPowerButton();
        }
        machine.pressPowerButton();
        assertTrue(serial.text().contains("result: ok"), serial.text());
    }

    @Test
    void shouldNotMindAnotherMachinesCrash() throws IOException, InterruptedException {
        Path image = image();
        try (VirtualMachine working = machine(HOLD, serial, image);
                VirtualMachine crashing = machine("mode=triple", new ScriptedConsole(), image())) {
            working.start();
            serial.await("holding", LIMIT);
            crashing.start();
            assertInstanceOf(StopCause.GuestCrash.class, crashing.await(LIMIT));
            awaitRound(image, BuiltInGuest.round(image) + 2);
            serial.type("q");
            assertEquals(new StopCause.PowerOff(), working.await(LIMIT), serial.text());
        }
        assertTrue(serial.text().contains("result: ok"), serial.text());
    }

    @Test
    void shouldWakeWhoeverWaitsWhenItIsClosed() throws Exception {
        VirtualMachine machine = machine("mode=spin", serial, image());
        machine.start();
        StopCause[] seen = new StopCause[1];
        Thread waiting = Thread.ofPlatform().start(() -> {
            try {
                seen[0] = machine.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        machine.close();
        assertTrue(waiting.join(LIMIT));
        assertEquals(new StopCause.HostRequest(), seen[0]);
    }

    /** An interrupt is no reason to leave something open; the one who sent it still finds it set. */
    @Test
    void shouldCloseOnAnInterruptedThread() throws IOException, InterruptedException {
        Path image = image();
        VirtualMachine machine = machine(HOLD, serial, image);
        machine.start();
        awaitRound(image, 1);
        Thread.currentThread().interrupt();
        machine.close();
        assertTrue(Thread.interrupted());
        assertTrue(serial.isClosed());
        byte[] closed = Files.readAllBytes(image);
        machine(HOLD, new ScriptedConsole(), image).close();
        assertArrayEquals(closed, Files.readAllBytes(image));
    }

    @Test
    void shouldBeClosedByManyThreadsAtOnce() throws IOException, InterruptedException {
        Path image = image();
        VirtualMachine machine = machine(HOLD, serial, image);
        machine.start();
        awaitRound(image, 1);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        for (Runnable action : List.<Runnable>of(machine::close, machine::pause, machine::resume, machine::close,
                machine::pressPowerButton, machine::requestStop)) {
            threads.add(Thread.ofPlatform().uncaughtExceptionHandler((_, e) -> failure.set(e)).start(action));
        }
        for (Thread thread : threads) {
            assertTrue(thread.join(LIMIT), thread + " hangs");
        }
        assertNull(failure.get());
        assertEquals(new StopCause.HostRequest(), machine.stopCause());
    }
}
