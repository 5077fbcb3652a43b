// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What an I/O thread promises of the events and descriptors that it watches, wherever it waits. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class WatchContract {

    static final IoThreadOptions NO_POLLING = new IoThreadOptions(0, 0, 0);

    /** A thread with the port that is tested. */
    abstract IoThread start(String name, IoThreadOptions options);

    /** How often what may go wrong once in a while is tried, out of 100. */
    int effort() {
        return 100;
    }

    final IoThread start(String name) {
        return start(name, IoThreadOptions.DEFAULTS);
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

    interface Condition {
        boolean holds();
    }

    static void await(Condition condition) throws InterruptedException {
        for (long start = System.nanoTime(); !condition.holds(); ) {
            assertTrue(System.nanoTime() - start < 20_000_000_000L, "waited in vain");
            Thread.onSpinWait();
        }
    }
}
