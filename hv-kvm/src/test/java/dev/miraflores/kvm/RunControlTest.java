// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Kick, pause, resume, stop and close, from any thread at any time. */
@KvmTest
@Timeout(120)
class RunControlTest {
    private static final String SPIN = """
            eb fe                          jmp 0x1000
            """;
    private static final String HALT_FOR_EVER = """
            fa                             cli
            f4                             hlt
            eb fd                          jmp hlt
            """;
    private static final String PORT_80_FOR_EVER = """
            e6 80                          out 0x80,al
            eb fc                          jmp 0x1000
            """;

    @Test
    void shouldHoldTheGuestWhilePaused() throws InterruptedException {
        try (CountingGuest guest = new CountingGuest()) {
            guest.vm().start();
            long before = 0;
            for (int i = 0; i < 5; i++) {
                awaitProgress(guest, before);
                assertTrue(guest.vm().pause());
                assertTrue(guest.vm().isPaused());
                before = guest.count();
                Thread.sleep(20);
                assertEquals(before, guest.count());
                assertNull(guest.check());
                guest.vm().resume();
            }
            guest.vm().stop();
            assertNull(guest.check());
        }
    }

    private static void awaitProgress(CountingGuest guest, long from) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (guest.count() <= from) {
            assertTrue(System.nanoTime() < deadline, "the guest does not count");
            Thread.sleep(1);
        }
    }

    /** Whatever kicks come, and however many pauses: no access is lost, done twice or half done. */
    @Test
    void shouldFinishEveryAccessUnderStormsOfKicksAndPauses() throws InterruptedException {
        try (CountingGuest guest = new CountingGuest()) {
            AtomicBoolean done = new AtomicBoolean();
            List<Thread> storm = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                storm.add(Thread.ofPlatform().start(() -> {
                    while (!done.get()) {
                        guest.vcpu().kick();
                        spin(ThreadLocalRandom.current().nextInt(20_000));
                    }
                }));
            }
            guest.vm().start();
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(3);
            int pauses = 0;
            String wrong = null;
            while (wrong == null && System.nanoTime() < deadline) {
                assertTrue(guest.vm().pause());
                wrong = guest.check();
                guest.vm().resume();
                pauses++;
                spin(ThreadLocalRandom.current().nextInt(200_000));
            }
            done.set(true);
            for (Thread thread : storm) {
                thread.join();
            }
            assertNull(wrong);
            awaitProgress(guest, 1);
            guest.vm().stop();
            assertEquals(new StopCause.HostRequest(), guest.vm().stopCause());
            assertNull(guest.check());
            assertTrue(pauses > 100, "paused only " + pauses + " times");
        }
    }

    private static void spin(int ns) {
        long until = System.nanoTime() + ns;
        while (System.nanoTime() < until) {
            Thread.onSpinWait();
        }
    }

    @Test
    void shouldTakePausesAndResumesFromManyThreadsAndThenTheStop() throws InterruptedException {
        for (int round = 0; round < 20; round++) {
            try (CountingGuest guest = new CountingGuest()) {
                List<Thread> threads = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    boolean pauses = i % 2 == 0;
                    threads.add(Thread.ofPlatform().start(() -> {
                        for (int n = 0; n < 50; n++) {
                            if (pauses) {
                                guest.vm().pause();
                            } else {
                                guest.vm().resume();
                                spin(20_000);
                            }
                        }
                        guest.vm().resume();
                    }));
                }
                guest.vm().start();
                if (round % 2 == 0) {
                    Thread.sleep(2);
                    guest.vm().stop();
                }
                for (Thread thread : threads) {
                    thread.join();
                }
                guest.vm().stop();
                assertNull(guest.check());
                assertEquals(new StopCause.HostRequest(), guest.vm().await());
            }
        }
    }

    @Test
    void shouldWaitForResumeWhenPausedBeforeTheStart() throws InterruptedException {
        try (CountingGuest guest = new CountingGuest()) {
            assertTrue(guest.vm().pause());
            guest.vm().start();
            assertTrue(guest.vm().pause());
            Thread.sleep(20);
            assertEquals(0, guest.count());
            guest.vm().resume();
            awaitProgress(guest, 0);
        }
    }

    @Test
    void shouldPauseAndStopCpusThatHaltOrWaitForTheirStartUp() throws InterruptedException {
        try (TinyGuest guest = TinyGuest.realMode(new RecordingHandler(), true, HALT_FOR_EVER)) {
            Vcpu waiting = guest.vm().createVcpu(1, new RecordingHandler());
            assertEquals(MultiprocessingState.UNINITIALIZED, waiting.multiprocessingState());
            guest.vm().start();
            for (int i = 0; i < 50; i++) {
                assertTrue(guest.vm().pause());
                assertEquals(MultiprocessingState.UNINITIALIZED, waiting.multiprocessingState());
                guest.vm().resume();
            }
            guest.vm().stop();
        }
    }

    @Test
    void shouldStopBeforeTheStart() throws InterruptedException {
        try (TinyGuest guest = TinyGuest.realMode(new RecordingHandler(), SPIN)) {
            StopCause.Reset cause = new StopCause.Reset(true);
            guest.vm().requestStop(cause);
            guest.vm().requestStop(new StopCause.PowerOff());
            guest.vm().start();
            assertSame(cause, guest.vm().await());
            assertFalse(guest.vm().pause());
        }
    }

    @Test
    void shouldSayWhenTheTimeIsUp() throws InterruptedException {
        try (TinyGuest guest = TinyGuest.realMode(new RecordingHandler(), SPIN)) {
            guest.vm().start();
            assertNull(guest.vm().await(Duration.ofMillis(30)));
        }
    }

    @Test
    void shouldStopOnAVcpusOwnRequest() throws InterruptedException {
        AtomicReference<TinyGuest> self = new AtomicReference<>();
        ExitHandler handler = new Port80(() -> self.get().vm().requestStop(new StopCause.PowerOff()));
        try (TinyGuest guest = TinyGuest.realMode(handler, PORT_80_FOR_EVER)) {
            self.set(guest);
            assertEquals(new StopCause.PowerOff(), guest.run());
        }
    }

    @Test
    void shouldRefuseToWaitOnAVcpusOwnThread() throws InterruptedException {
        AtomicReference<TinyGuest> self = new AtomicReference<>();
        for (Port80 handler : List.of(
                new Port80(() -> self.get().vm().pause()), new Port80(() -> self.get().vm().close()))) {
            try (TinyGuest guest = TinyGuest.realMode(handler, PORT_80_FOR_EVER)) {
                self.set(guest);
                StopCause.HostFailure cause = assertInstanceOf(StopCause.HostFailure.class, guest.run());
                assertInstanceOf(IllegalStateException.class, cause.failure());
            }
        }
    }

    @Test
    void shouldPauseOnAVcpusOwnRequest() throws InterruptedException {
        AtomicReference<TinyGuest> self = new AtomicReference<>();
        CountDownLatch asked = new CountDownLatch(1);
        ExitHandler handler = new Port80(() -> {
            if (asked.getCount() > 0) {
                self.get().vm().requestPause();
                asked.countDown();
            }
        });
        try (TinyGuest guest = TinyGuest.realMode(handler, PORT_80_FOR_EVER)) {
            self.set(guest);
            guest.vm().start();
            asked.await();
            assertTrue(guest.vm().pause());
            assertEquals(1, guest.vcpu().exits(2)); // KVM_EXIT_IO
            guest.vm().resume();
        }
    }

    @Test
    void shouldCloseWhileRunningPausedOrFromManyThreads() throws InterruptedException {
        for (int round = 0; round < 30; round++) {
            CountingGuest guest = new CountingGuest();
            guest.vm().start();
            spin(ThreadLocalRandom.current().nextInt(500_000));
            if (round % 3 == 1) {
                guest.vm().pause();
            }
            List<Thread> others = new ArrayList<>();
            for (int i = 0; round % 3 == 2 && i < 3; i++) {
                others.add(Thread.ofPlatform().start(guest.vm()::close));
            }
            guest.vcpu().kick();
            guest.close();
            guest.vcpu().kick();
            for (Thread other : others) {
                other.join();
            }
        }
    }

    @Test
    void shouldRunSeveralVmsAtOnce() throws InterruptedException {
        List<CountingGuest> guests = new ArrayList<>();
        try {
            for (int i = 0; i < 10; i++) {
                guests.add(new CountingGuest());
            }
            for (CountingGuest guest : guests) {
                guest.vm().start();
            }
            for (CountingGuest guest : guests) {
                awaitProgress(guest, 10);
            }
            guests.getFirst().vm().stop();
            assertTrue(guests.getLast().vm().pause());
            long before = guests.getLast().count();
            guests.getLast().vm().resume();
            awaitProgress(guests.getLast(), before);
        } finally {
            for (CountingGuest guest : guests) {
                guest.vm().stop();
                assertNull(guest.check());
                guest.close();
            }
        }
    }

    @Test
    void shouldLeaveNoDescriptorMappingOrThreadBehind() throws InterruptedException, IOException {
        createRunClose(10); // classes, buffers and the compiler's threads settle
        System.gc();
        long descriptors = count(Path.of("/proc/self/fd"), "");
        long mappings = Files.readAllLines(Path.of("/proc/self/maps")).size();
        long kvmDescriptors = count(Path.of("/proc/self/fd"), "kvm");
        createRunClose(50);
        assertEquals(0, Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().contains("vcpu")).count());
        assertEquals(0, Files.readAllLines(Path.of("/proc/self/maps")).stream()
                .filter(line -> line.contains("kvm")).count());
        assertEquals(kvmDescriptors, count(Path.of("/proc/self/fd"), "kvm"));
        // The JVM opens and maps things of its own now and then; fifty VMs would have left a hundred and more.
        assertTrue(count(Path.of("/proc/self/fd"), "") <= descriptors + 5);
        assertTrue(Files.readAllLines(Path.of("/proc/self/maps")).size() <= mappings + 20);
    }

    private static void createRunClose(int times) throws InterruptedException {
        for (int i = 0; i < times; i++) {
            try (CountingGuest guest = new CountingGuest()) {
                guest.vm().start();
                awaitProgress(guest, 0);
                guest.vm().pause();
                guest.vm().resume();
            }
        }
    }

    private static long count(Path folder, String pattern) throws IOException {
        try (Stream<Path> links = Files.list(folder)) {
            return links.filter(link -> {
                try {
                    return Files.readSymbolicLink(link).toString().contains(pattern);
                } catch (IOException closedMeanwhile) {
                    return false;
                }
            }).count();
        }
    }

    @Test
    void shouldRefuseASecondStartAndLateVcpus() {
        try (TinyGuest guest = TinyGuest.realMode(new RecordingHandler(), SPIN)) {
            guest.vm().start();
            assertThrows(IllegalStateException.class, guest.vm()::start);
            assertThrows(IllegalStateException.class, () -> guest.vm().createVcpu(1, new RecordingHandler()));
        }
    }

    /** Does something at each write of port 0x80. */
    private record Port80(Runnable action) implements ExitHandler {
        @Override
        public long portRead(int port, int byteSize) {
            return 0;
        }

        @Override
        public void portWrite(int port, int byteSize, long value) {
            action.run();
        }

        @Override
        public long mmioRead(long gpa, int byteSize) {
            return 0;
        }

        @Override
        public void mmioWrite(long gpa, int byteSize, long value) {}
    }
}
