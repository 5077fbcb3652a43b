// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** With the timer slack, which each thread has of its own and which does no harm. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class EveryThreadTest {

    private static final MemorySegment PRCTL = Libc.symbol("prctl");
    private static final int DEFAULT_SLACK_NS = 50_000;

    private static int slack() {
        return Libc.callInt(PRCTL, libc_h.PR_GET_TIMERSLACK, 0);
    }

    private static long[] setSlack(int ns) {
        return new long[] {SyscallNumber.PRCTL, libc_h.PR_SET_TIMERSLACK, ns};
    }

    @Test
    void shouldCallOnThreadsThatAreThereAndOnWhomTheyStart() throws Exception {
        List<ExecutorService> there = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            ExecutorService thread = Executors.newSingleThreadExecutor();
            thread.submit(EveryThreadTest::slack).get();
            there.add(thread);
        }
        try (EveryThread all = new EveryThread()) {
            all.call("prctl", setSlack(70_001), new long[] {SyscallNumber.GETTID});
            assertEquals(70_001, slack());
            for (ExecutorService thread : there) {
                assertEquals(70_001, thread.submit(EveryThreadTest::slack).get());
            }
            all.call("prctl", setSlack(DEFAULT_SLACK_NS));
            for (ExecutorService thread : there) {
                assertEquals(DEFAULT_SLACK_NS, thread.submit(EveryThreadTest::slack).get());
            }
        } finally {
            there.forEach(ExecutorService::close);
        }
    }

    @Test
    void shouldSayWhatFailedAndMakeNoCallAfterIt() {
        try (EveryThread all = new EveryThread()) {
            ErrnoException e = assertThrows(ErrnoException.class,
                    () -> all.call("prctl(none)", new long[] {SyscallNumber.PRCTL, 0x7FFF_FFFF}, setSlack(70_002)));
            assertEquals(Errno.EINVAL, e.errno());
            assertTrue(e.getMessage().startsWith("prctl(none)(thread="), e.getMessage());
            assertEquals(DEFAULT_SLACK_NS, slack());
        }
    }

    /** Each new thread is either seen, or was started by one that had done it. */
    @Test
    void shouldMissNoThreadWhileOthersStartAndEnd() throws Exception {
        ExecutorService churn = Executors.newFixedThreadPool(2);
        AtomicBoolean stop = new AtomicBoolean();
        for (int i = 0; i < 2; i++) {
            churn.submit(() -> {
                while (!stop.get()) {
                    Thread thread = new Thread(EveryThreadTest::slack);
                    thread.start();
                    thread.join();
                }
                return null;
            });
        }
        try (EveryThread all = new EveryThread()) {
            for (int turn = 0; turn < 20; turn++) {
                int ns = 70_100 + turn;
                all.call("prctl", setSlack(ns));
                assertEquals(ns, slack());
                int[] inNew = new int[1];
                Thread thread = new Thread(() -> inNew[0] = slack());
                thread.start();
                thread.join();
                assertEquals(ns, inNew[0]);
            }
            all.call("prctl", setSlack(DEFAULT_SLACK_NS));
        } finally {
            stop.set(true);
            churn.close();
        }
    }

    /** There are some thirty signals: none may be lost. */
    @Test
    void shouldGiveItsSignalBack() {
        KickSignal.number();
        for (int i = 0; i < 100; i++) {
            try (EveryThread all = new EveryThread()) {
                all.call("gettid", new long[] {SyscallNumber.GETTID});
            }
        }
    }
}
