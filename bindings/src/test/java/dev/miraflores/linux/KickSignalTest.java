// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class KickSignalTest {
    @Test
    void shouldBeARealTimeSignal() {
        int number = KickSignal.number();

        assertTrue(number >= 34 && number <= 64, "signal " + number);
        assertEquals(number, KickSignal.number());
    }

    @Test
    void shouldCallAThreadOutOfABlockingCall() throws Exception {
        CompletableFuture<Integer> tid = new CompletableFuture<>();
        CompletableFuture<Integer> result = new CompletableFuture<>();
        try (EventFd never = EventFd.create()) {
            Thread thread = Thread.ofPlatform().start(() -> {
                KickSignal.unblock();
                tid.complete(NativeThread.gettid());
                result.complete(Poll.poll(never.number(), Poll.POLLIN, -1));
            });
            // One that comes before the call is lost, so they go on until one has met it.
            while (!result.isDone()) {
                assertEquals(0, KickSignal.send(tid.get()));
                Thread.sleep(1);
            }
            thread.join();
        }
        assertEquals(-Errno.EINTR, result.get());
    }

    @Test
    void shouldNotDisturbAThreadThatRunsJavaCode() throws Exception {
        CompletableFuture<Integer> tid = new CompletableFuture<>();
        AtomicInteger rounds = new AtomicInteger();
        Thread thread = Thread.ofPlatform().start(() -> {
            tid.complete(NativeThread.gettid());
            while (!Thread.interrupted()) {
                byte[] garbage = new byte[1024];
                rounds.addAndGet(1 + garbage[rounds.get() & 1023]);
            }
        });
        for (int i = 0; i < 2000; i++) {
            assertEquals(0, KickSignal.send(tid.get()));
        }
        int before = rounds.get();
        while (rounds.get() == before) {
            Thread.onSpinWait();
        }
        thread.interrupt();
        thread.join();
    }

    @Test
    void shouldReportAThreadThatHasEnded() throws Exception {
        CompletableFuture<Integer> tid = new CompletableFuture<>();
        Thread thread = Thread.ofPlatform().start(() -> tid.complete(NativeThread.gettid()));
        thread.join();
        // The JVM's thread is done before the kernel's is.
        int rc;
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        do {
            rc = KickSignal.send(tid.get());
        } while (rc == 0 && System.nanoTime() < end);

        assertEquals(-Errno.ESRCH, rc);
    }
}
