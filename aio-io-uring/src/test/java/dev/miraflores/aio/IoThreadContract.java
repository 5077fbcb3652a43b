// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.UnixSocket;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What an I/O thread promises, wherever it waits. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class IoThreadContract {

    private static final IoThreadOptions NO_POLLING = new IoThreadOptions(0, 0, 0);

    /** A thread with the port that is tested. */
    abstract IoThread start(String name, IoThreadOptions options);

    /** How often what may go wrong once in a while is tried, out of 100. */
    int effort() {
        return 100;
    }

    private IoThread start(String name) {
        return start(name, IoThreadOptions.DEFAULTS);
    }

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

    @Test
    void shouldCallTheHandlerWhenAnEventIsSignalled() throws InterruptedException {
        try (IoThread thread = start("test-io", NO_POLLING); EventFd event = EventFd.create()) {
            AtomicInteger calls = new AtomicInteger();
            Watch[] watch = new Watch[1];
            thread.call(() -> watch[0] = thread.watch(event, calls::incrementAndGet));
            for (int i = 1; i <= 50; i++) {
                int before = calls.get();
                event.signal();
                await(() -> calls.get() > before);
            }
            thread.call(watch[0]::close);
            int before = calls.get();
            event.signal();
            thread.call(() -> { });
            thread.call(() -> { });
            assertEquals(before, calls.get());
            thread.call(watch[0]::close);
        }
    }

    @Test
    void shouldSeeASignalThatCameBeforeTheWatch() throws InterruptedException {
        try (IoThread thread = start("test-io"); EventFd event = EventFd.create()) {
            event.signal();
            CountDownLatch called = new CountDownLatch(1);
            thread.call(() -> thread.watch(event, called::countDown));
            assertTrue(called.await(10, TimeUnit.SECONDS));
        }
    }

    /** A driver that rings all the time, and resets its device again and again, must leave nothing behind that wakes up as well. */
    @Test
    @Tag("class:memory")
    @Tag("class:endless")
    void shouldForgetAWatchThatIsClosedWhileItsEventIsSignalled() throws InterruptedException {
        try (IoThread thread = start("test-io", NO_POLLING); EventFd event = EventFd.create()) {
            for (int i = 0; i < effort(); i++) {
                thread.call(() -> {
                    Watch watch = thread.watch(event, () -> { });
                    event.signal();
                    watch.close();
                });
            }
            CountDownLatch called = new CountDownLatch(1);
            thread.call(() -> thread.watch(event, called::countDown));
            assertTrue(called.await(10, TimeUnit.SECONDS));
            long events = Long.MAX_VALUE;
            // With a thread of the kernel's the ends of the watches may be told of late.
            for (int i = 0; i < 5 && events >= 10; i++) {
                long before = thread.counters().get(IoThreadCounter.EVENTS);
                event.signal();
                thread.call(() -> { });
                thread.call(() -> { });
                events = thread.counters().get(IoThreadCounter.EVENTS) - before;
            }
            assertTrue(events < 10, events + " events of one signal and two messages");
        }
    }

    /** The number of a descriptor that was closed right after its watch is another file's soon: nothing may mix them up. */
    @Test
    void shouldWatchAndCloseAgainAndAgain() throws InterruptedException {
        try (IoThread thread = start("test-io")) {
            for (int i = 0; i < 5 * effort(); i++) {
                AtomicInteger calls = new AtomicInteger();
                try (EventFd event = EventFd.create()) {
                    Watch[] watch = new Watch[1];
                    thread.call(() -> watch[0] = thread.watch(event, calls::incrementAndGet));
                    if (i % 3 != 0) {
                        event.signal();
                    }
                    if (i % 3 == 2) {
                        await(() -> calls.get() > 0);
                    }
                    thread.call(watch[0]::close);
                }
            }
        }
    }

    // ---- descriptors

    private static final class Readiness implements DescriptorHandler {
        final AtomicInteger readable = new AtomicInteger();
        final AtomicInteger writable = new AtomicInteger();
        final List<Integer> failed = new CopyOnWriteArrayList<>();

        @Override
        public void onReadable() {
            readable.incrementAndGet();
        }

        @Override
        public void onWritable() {
            writable.incrementAndGet();
        }

        @Override
        public void onWatchFailed(int errno) {
            failed.add(errno);
        }
    }

    private static DescriptorWatch watch(IoThread thread, int descriptor, DescriptorHandler handler) {
        DescriptorWatch[] watch = new DescriptorWatch[1];
        thread.call(() -> watch[0] = thread.watch(descriptor, handler));
        return watch[0];
    }

    /** Long enough for a call that should not come. */
    private static void letPass(IoThread thread) {
        for (int i = 0; i < 20; i++) {
            thread.call(() -> { });
        }
    }

    @Test
    void shouldTellOnceThatADescriptorIsReadable() throws InterruptedException {
        try (IoThread thread = start("test-io", NO_POLLING); EventFd event = EventFd.create()) {
            Readiness readiness = new Readiness();
            DescriptorWatch watch = watch(thread, event.number(), readiness);
            event.signal();
            letPass(thread);
            assertEquals(0, readiness.readable.get(), "not asked for");
            for (int i = 1; i <= 50; i++) {
                int expected = i;
                if (i % 2 == 0) {
                    event.drain();
                    thread.call(watch::awaitReadable);
                    thread.call(watch::awaitReadable);
                    event.signal();
                } else {
                    thread.call(watch::awaitReadable); // it is already
                }
                await(() -> readiness.readable.get() == expected);
                event.signal();
                letPass(thread);
                assertEquals(expected, readiness.readable.get());
            }
            assertEquals(0, readiness.writable.get());
            thread.call(watch::close);
            thread.call(watch::close);
        }
    }

    @Test
    void shouldKeepReadingAndWritingApart() throws InterruptedException {
        UnixSocket[] pair = UnixSocket.packetPair();
        MemorySegment packet = Arena.global().allocate(4096);
        try (IoThread thread = start("test-io"); UnixSocket near = pair[0]; UnixSocket far = pair[1]) {
            Readiness readiness = new Readiness();
            DescriptorWatch watch = watch(thread, near.number(), readiness);
            while (FileIo.write(near.number(), packet) > 0) {
                // until it is full
            }
            thread.call(() -> {
                watch.awaitReadable();
                watch.awaitWritable();
            });
            letPass(thread);
            assertEquals(0, readiness.readable.get() + readiness.writable.get());
            FileIo.write(far.number(), packet);
            await(() -> readiness.readable.get() == 1);
            assertEquals(0, readiness.writable.get());
            while (FileIo.read(far.number(), packet) > 0) {
                // until it is empty
            }
            await(() -> readiness.writable.get() == 1);
            assertEquals(1, readiness.readable.get());
            thread.call(watch::close);
        }
    }

    /** Who waits in either direction hears of the end, and only once: what is gone for good must not keep the thread awake. */
    @Test
    void shouldTellOfTheOtherEndsEnd() throws InterruptedException {
        UnixSocket[] pair = UnixSocket.packetPair();
        try (IoThread thread = start("test-io", NO_POLLING); UnixSocket near = pair[0]) {
            Readiness readiness = new Readiness();
            DescriptorWatch watch = watch(thread, near.number(), readiness);
            thread.call(watch::awaitReadable);
            pair[1].close();
            await(() -> readiness.readable.get() == 1);
            long turns = thread.counters().get(IoThreadCounter.TURNS);
            Thread.sleep(50);
            assertTrue(thread.counters().get(IoThreadCounter.TURNS) - turns < 20);
            assertEquals(1, readiness.readable.get());
            thread.call(watch::awaitWritable);
            await(() -> readiness.writable.get() == 1);
            thread.call(watch::close);
        }
    }

    @Test
    void shouldHearNothingOfADescriptorWhoseWatchIsClosed() throws InterruptedException {
        try (IoThread thread = start("test-io")) {
            for (int i = 0; i < 2 * effort(); i++) {
                UnixSocket[] pair = UnixSocket.packetPair();
                try (UnixSocket near = pair[0]; UnixSocket far = pair[1]) {
                    Readiness readiness = new Readiness();
                    DescriptorWatch watch = watch(thread, near.number(), readiness);
                    boolean asked = i % 3 != 0;
                    thread.call(() -> {
                        if (asked) {
                            watch.awaitReadable();
                        }
                        watch.close();
                    });
                    FileIo.write(far.number(), Arena.global().allocate(8));
                    thread.call(() -> { });
                    assertEquals(0, readiness.readable.get());
                    // Once more for the same descriptor, since it is nobody's any more.
                    DescriptorWatch second = watch(thread, near.number(), readiness);
                    thread.call(second::awaitReadable);
                    await(() -> readiness.readable.get() == 1);
                    thread.call(second::close);
                }
            }
        }
    }

    /** What the kernel refuses costs the one who asked for it, and not the thread. */
    @Test
    void shouldTellWhereADescriptorCannotBeWaitedFor() throws InterruptedException {
        int nobodys = 1 << 20;
        try (IoThread thread = start("test-io"); EventFd event = EventFd.create()) {
            Readiness bad = new Readiness();
            Readiness good = new Readiness();
            DescriptorWatch badWatch = watch(thread, nobodys, bad);
            DescriptorWatch goodWatch = watch(thread, event.number(), good);
            for (int i = 1; i <= 3; i++) {
                int expected = i;
                thread.call(badWatch::awaitReadable);
                await(() -> bad.failed.size() == 2 * expected - 1);
                thread.call(badWatch::awaitWritable);
                await(() -> bad.failed.size() == 2 * expected);
                thread.call(goodWatch::awaitReadable);
                event.signal();
                await(() -> good.readable.get() == expected);
            }
            assertEquals(Collections.nCopies(6, Errno.EBADF), bad.failed);
            assertEquals(0, bad.readable.get() + bad.writable.get());
            thread.call(badWatch::close);
            thread.call(goodWatch::close);
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

    private interface Condition {
        boolean holds();
    }

    private static void await(Condition condition) throws InterruptedException {
        for (long start = System.nanoTime(); !condition.holds(); ) {
            assertTrue(System.nanoTime() - start < 20_000_000_000L, "waited in vain");
            Thread.onSpinWait();
        }
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
