// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class EventFdTest {
    @Test
    void shouldCountSignalsUntilDrained() {
        try (EventFd event = EventFd.create()) {
            event.signal();
            event.signal();
            event.signal();

            assertEquals(3, event.drain());
            assertEquals(0, event.drain());
        }
    }

    @Test
    void shouldShowASignalWithoutTakingIt() {
        try (EventFd event = EventFd.create()) {
            assertFalse(event.isSignalled());
            event.signal();

            assertTrue(event.isSignalled());
            assertTrue(event.isSignalled());
            assertEquals(1, event.drain());
            assertFalse(event.isSignalled());
        }
    }

    /** eventfd(2): a write that would take the counter to all ones fails with EAGAIN. */
    @Test
    void shouldStaySignalledWhenTheCounterIsFull() {
        try (EventFd event = EventFd.create(); Arena arena = Arena.ofConfined()) {
            long most = -2; // 2^64 - 2, the highest count there is
            assertEquals(8, FileIo.write(event.number(), arena.allocateFrom(ValueLayout.JAVA_LONG, most)));

            event.signal();

            assertEquals(most, event.drain());
        }
    }

    @Test
    void shouldReachAnotherThread() throws InterruptedException {
        try (EventFd event = EventFd.create()) {
            Thread.ofPlatform().start(event::signal).join();

            assertEquals(1, event.drain());
        }
    }

    @Test
    void shouldRefuseUseAfterClose() {
        EventFd event = EventFd.create();
        event.close();
        event.close();

        assertFalse(event.isOpen());
        assertThrows(IllegalStateException.class, event::signal);
        assertThrows(IllegalStateException.class, event::drain);
        assertThrows(IllegalStateException.class, event::isSignalled);
    }

    @Test
    void shouldReportWhatIsNoEventFd() {
        try (EventFd none = EventFd.adopt(Fd.open("/dev/full", Fd.O_RDWR))) {
            ErrnoException e = assertThrows(ErrnoException.class, none::signal);

            assertEquals(Errno.ENOSPC, e.errno());
        }
    }

    /** Whoever shares a descriptor can clear O_NONBLOCK for all; a read of nothing, or a write to what is full, would wait. */
    @Test
    void shouldNotWaitForWhoSharesIt() {
        try (EventFd event = EventFd.create(); Arena arena = Arena.ofConfined()) {
            event.share();
            assertEquals(0, FileIo.setStatusFlags(event.number(), Fd.O_RDWR));
            assertEquals(0, event.drain());
            event.signal();
            event.signal();
            assertEquals(2, event.drain());
            assertEquals(8, FileIo.write(event.number(), arena.allocateFrom(ValueLayout.JAVA_LONG, -2L)));
            event.signal();
            assertEquals(-2, event.drain());
        }
    }

    /** As {@link #shouldNotWaitForWhoSharesIt}, of one that another process made. */
    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void shouldNotWaitForWhoHandedItOver() {
        UnixSocket[] ends = UnixSocket.pair();
        try (UnixSocket a = ends[0]; UnixSocket b = ends[1]; EventFd theirs = EventFd.create();
                Arena arena = Arena.ofConfined(); ReceivedFds fds = new ReceivedFds()) {
            a.send(arena.allocate(1), theirs.number());
            b.receive(arena.allocate(1), fds);
            try (EventFd ours = EventFd.receive(fds.take())) {
                assertEquals(0, FileIo.setStatusFlags(theirs.number(), Fd.O_RDWR));
                assertEquals(0, ours.drain());
            }
        }
    }

    /**
     * A thread that is kicked all the time sees what there is, and not that its call was interrupted. It is kicked anew
     * only when it has got somewhere: signals that come faster than their handler returns let a thread do nothing else.
     */
    @Test
    @Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void shouldNotTakeAKickForASignal() throws InterruptedException {
        AtomicInteger wrong = new AtomicInteger();
        AtomicInteger looks = new AtomicInteger();
        CompletableFuture<Integer> tid = new CompletableFuture<>();
        try (EventFd event = EventFd.create()) {
            event.share();
            Thread thread = Thread.ofPlatform().start(() -> {
                KickSignal.unblock();
                tid.complete(NativeThread.gettid());
                long end = System.nanoTime() + 300_000_000L;
                while (System.nanoTime() < end) {
                    looks.incrementAndGet();
                    wrong.addAndGet(event.isSignalled() || !event.hasRoom() ? 1 : 0);
                }
            });
            int kickedAt = 0;
            while (thread.isAlive()) {
                int now = looks.get();
                if (now != kickedAt) {
                    kickedAt = now;
                    KickSignal.send(tid.join());
                }
            }
            thread.join();
        }
        assertEquals(0, wrong.get());
        assertTrue(looks.get() > 100, () -> "looks: " + looks.get());
    }
}
