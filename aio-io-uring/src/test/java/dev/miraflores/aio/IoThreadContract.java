// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.EventFd;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** What an I/O thread promises, wherever it waits: of messages, sources, timers and its end, and of what it watches. */
abstract class IoThreadContract extends WatchContract {

    @Test
    void shouldRunMessagesInOrderOnItsThread() throws InterruptedException {
        try (IoThread thread = start("test-io")) {
            List<Integer> ran = new ArrayList<>();
            CountDownLatch done = new CountDownLatch(1);
            for (int i = 0; i < 100; i++) {
                int number = i;
                thread.execute(() -> {
                    assertTrue(thread.isCurrent());
                    ran.add(number);
                });
            }
            thread.execute(done::countDown);
            assertTrue(done.await(10, TimeUnit.SECONDS));
            assertEquals(100, ran.size());
            for (int i = 0; i < 100; i++) {
                assertEquals(i, ran.get(i));
            }
        }
    }

    @Test
    void shouldThrowToTheCallerAndLiveOn() {
        try (IoThread thread = start("test-io")) {
            IllegalStateException thrown = assertThrows(IllegalStateException.class,
                () -> thread.call(() -> {
                    throw new IllegalStateException("on purpose");
                }));
            assertEquals("on purpose", thrown.getMessage());
            AtomicInteger ran = new AtomicInteger();
            thread.call(ran::incrementAndGet);
            assertEquals(1, ran.get());
        }
    }

    /** Work that shows in memory, and an event for when nobody looks: none of it is ever missed. */
    @Test
    void shouldMissNoWork() throws InterruptedException {
        for (IoThreadOptions options : List.of(NO_POLLING, IoThreadOptions.DEFAULTS, new IoThreadOptions(1_000_000, 0, 0))) {
            try (IoThread thread = start("test-io", options); EventFd event = EventFd.create()) {
                CountingSource source = new CountingSource();
                thread.call(() -> thread.watch(event, source));
                for (int i = 1; i <= 200 * effort(); i++) {
                    source.offered.incrementAndGet();
                    if (source.eventsWanted) {
                        event.signal();
                    }
                    if (i % 100 == 0) {
                        int expected = i;
                        await(() -> source.taken == expected);
                    }
                    if (i % 1000 == 0) {
                        Thread.sleep(1);
                    }
                }
                assertTrue(source.turnsEnded > 0);
            }
        }
    }

    /** A source that throws is left alone from then on; the others and the thread go on. */
    @Test
    void shouldDropASourceThatThrows() throws InterruptedException {
        try (IoThread thread = start("test-io"); EventFd bad = EventFd.create(); EventFd good = EventFd.create()) {
            CountingSource failing = new CountingSource();
            failing.bug = new IllegalStateException("on purpose");
            CountingSource healthy = new CountingSource();
            thread.call(() -> {
                thread.watch(bad, failing);
                thread.watch(good, healthy);
            });
            failing.offered.incrementAndGet();
            bad.signal();
            await(() -> failing.failure != null);
            assertEquals("on purpose", failing.failure.getMessage());
            healthy.offered.incrementAndGet();
            good.signal();
            await(() -> healthy.taken == 1);
        }
    }

    @Test
    void shouldRefuseMessagesAfterItsClose() {
        IoThread thread = start("test-io");
        thread.close();
        thread.close();
        assertThrows(RejectedExecutionException.class, () -> thread.execute(() -> { }));
        assertThrows(RejectedExecutionException.class, () -> thread.call(() -> { }));
    }

    @Test
    void shouldNotWaitForItself() {
        try (IoThread thread = start("test-io")) {
            assertThrows(IllegalStateException.class, () -> thread.call(thread::close));
        }
    }

    @Test
    void shouldBeClosedFromManyThreadsWhileMessagesCome() throws InterruptedException {
        for (int round = 0; round < effort() / 2; round++) {
            IoThread thread = start("test-io");
            AtomicInteger ran = new AtomicInteger();
            AtomicInteger accepted = new AtomicInteger();
            Thread sender = Thread.ofPlatform().start(() -> {
                try {
                    while (true) {
                        thread.execute(ran::incrementAndGet);
                        accepted.incrementAndGet();
                    }
                } catch (RejectedExecutionException e) {
                    // the end
                }
            });
            Thread closer = Thread.ofPlatform().start(thread::close);
            thread.close();
            closer.join();
            sender.join();
            assertEquals(accepted.get(), ran.get());
        }
    }

    @Test
    void shouldLeaveNoThreadAndNoDescriptorBehind() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            start("test-leak").close();
        }
        int before = openDescriptors();
        for (int i = 0; i < 30; i++) {
            try (IoThread thread = start("test-leak"); EventFd event = EventFd.create()) {
                thread.call(() -> thread.watch(event, () -> { }));
            }
        }
        // The kernel drops a ring's own references a moment after its close; descriptors go with the call.
        assertTrue(openDescriptors() <= before, "descriptors: " + before + ", then " + openDescriptors());
        assertTrue(Thread.getAllStackTraces().keySet().stream().noneMatch(t -> t.getName().equals("test-leak")));
    }

    @Test
    void shouldSleepWhenThereIsNothingToDo() throws InterruptedException {
        try (IoThread thread = start("test-io")) {
            thread.call(() -> { });
            Thread.sleep(50);
            long turns = thread.counters().get(IoThreadCounter.TURNS);
            Thread.sleep(200);
            assertTrue(thread.counters().get(IoThreadCounter.TURNS) - turns < 5, "it spins");
            assertFalse(thread.isCurrent());
        }
    }

    @Test
    void shouldRunTimersInTheOrderOfTheirDeadlines() throws InterruptedException {
        for (IoThreadOptions options : List.of(NO_POLLING, IoThreadOptions.DEFAULTS, new IoThreadOptions(5_000_000, 0, 0))) {
            try (IoThread thread = start("test-io", options)) {
                List<Integer> ran = new CopyOnWriteArrayList<>();
                AtomicLong early = new AtomicLong();
                thread.call(() -> {
                    long now = System.nanoTime();
                    for (int i = 0; i < 20; i++) {
                        int number = i * 7 % 20;
                        long deadline = now + number * 500_000L;
                        thread.timer(() -> {
                            ran.add(number);
                            early.addAndGet(Math.max(0, deadline - System.nanoTime()));
                        }).set(deadline);
                    }
                });
                await(() -> ran.size() == 20);
                for (int i = 0; i < 20; i++) {
                    assertEquals(i, ran.get(i));
                }
                assertEquals(0, early.get());
                assertEquals(20, thread.counters().get(IoThreadCounter.TIMERS));
            }
        }
    }

    /** One that sets itself anew for what is past already must not keep others from their turn. */
    @Test
    void shouldGoOnWhileATimerIsAlwaysDue() throws InterruptedException {
        try (IoThread thread = start("test-io"); EventFd event = EventFd.create()) {
            AtomicInteger runs = new AtomicInteger();
            IoTimer[] timer = new IoTimer[1];
            CountingSource source = new CountingSource();
            thread.call(() -> {
                timer[0] = thread.timer(() -> {
                    runs.incrementAndGet();
                    timer[0].set(System.nanoTime() - 1);
                });
                timer[0].set(System.nanoTime());
                thread.watch(event, source);
            });
            await(() -> runs.get() > 10);
            source.offered.incrementAndGet();
            await(() -> source.taken == 1);
            thread.call(timer[0]::cancel);
            int before = runs.get();
            thread.call(() -> { });
            Thread.sleep(5);
            assertEquals(before, runs.get());
        }
    }

    @Test
    void shouldOutliveATimerThatThrows() throws InterruptedException {
        try (IoThread thread = start("test-io")) {
            AtomicInteger ran = new AtomicInteger();
            thread.call(() -> {
                thread.timer(() -> {
                    throw new IllegalStateException("on purpose");
                }).set(System.nanoTime());
                thread.timer(ran::incrementAndGet).set(System.nanoTime() + 1);
            });
            await(() -> ran.get() == 1);
        }
    }

    @Test
    void shouldTellTheSameTimeWithinATurn() {
        try (IoThread thread = start("test-io")) {
            thread.call(() -> {
                long before = System.nanoTime();
                long first = thread.turnNanoTime();
                Thread.onSpinWait();
                assertEquals(first, thread.turnNanoTime());
                assertTrue(first - before < 20_000_000_000L);
            });
        }
    }

    /** Doorbells, sleeps and timers, as many as there may be: the collector never hears of them. */
    @Test
    void shouldAllocateNothingPerTurn() throws InterruptedException {
        try (IoThread thread = start("test-io", NO_POLLING); EventFd event = EventFd.create()) {
            TimedSource source = new TimedSource(thread);
            thread.call(() -> {
                source.timer = thread.timer(source);
                thread.watch(event, source);
            });
            Allocations.assertNone(thread, 500, () -> {
                int fired = source.fired;
                source.rung = true;
                event.signal();
                await(() -> source.fired != fired);
            });
        }
    }

    /** Sets a timer when it is rung. */
    private static final class TimedSource implements PolledSource, Runnable {
        private final IoThread thread;
        IoTimer timer;
        volatile boolean rung;
        volatile int fired;

        TimedSource(IoThread thread) {
            this.thread = thread;
        }

        @Override
        public boolean hasWork() {
            return rung;
        }

        @Override
        public boolean poll() {
            if (!rung) {
                return false;
            }
            rung = false;
            timer.set(thread.turnNanoTime() + 20_000);
            return true;
        }

        @Override
        public void run() {
            int count = fired;
            fired = count + 1;
        }

        @Override
        public boolean enableEvents() {
            return rung;
        }

        @Override
        public void endTurn() {
        }

        @Override
        public void onFailure(Throwable bug) {
        }
    }

    private static int openDescriptors() {
        return new File("/proc/self/fd").list().length;
    }

    /** A queue without anything in it but its length, with the protocol of a virtqueue's notifications. */
    private static final class CountingSource implements PolledSource {
        final AtomicInteger offered = new AtomicInteger();
        volatile boolean eventsWanted = true;
        volatile int taken;
        volatile int turnsEnded;
        volatile Throwable failure;
        RuntimeException bug;

        @Override
        public boolean hasWork() {
            return offered.get() != taken;
        }

        @Override
        public boolean poll() {
            if (offered.get() == taken) {
                return false;
            }
            if (bug != null) {
                throw bug;
            }
            eventsWanted = false;
            taken++;
            return true;
        }

        @Override
        public boolean enableEvents() {
            eventsWanted = true;
            return hasWork();
        }

        @Override
        public void endTurn() {
            turnsEnded++;
        }

        @Override
        public void onFailure(Throwable cause) {
            failure = cause;
        }
    }
}
