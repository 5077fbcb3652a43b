// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static dev.miraflores.bindings.iouring.io_uring_abi.IORING_CQE_F_MORE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.uring.CompletionQueue;
import dev.miraflores.aio.uring.IoUring;
import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.aio.uring.SubmissionQueue;
import dev.miraflores.aio.uring.UserData;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Poll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@NeedsIoUring
class IoUringRingTest {

    private static final int SQ_ENTRIES = 8;
    private static final int CQ_ENTRIES = 16;
    private static final long TOKEN = UserData.pack(5, 77);
    private static final long IGNORED = UserData.pack(0, 0);

    private IoUring ring;
    private SubmissionQueue sq;
    private CompletionQueue cq;

    @BeforeEach
    void create() {
        ring = IoUring.create(KernelFeatures.host(), SQ_ENTRIES, CQ_ENTRIES);
        ring.enable();
        sq = ring.submissionQueue();
        cq = ring.completionQueue();
    }

    @AfterEach
    void close() {
        ring.close();
        ring.close();
    }

    @Test
    void shouldPackAndUnpackUserData() {
        for (int owner : new int[] {0, 1, 77, Integer.MAX_VALUE}) {
            for (int value : new int[] {0, 1, -1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
                long userData = UserData.pack(owner, value);
                assertEquals(owner, UserData.owner(userData));
                assertEquals(value, UserData.value(userData));
            }
        }
    }

    @Test
    void shouldWaitNoLongerThanTheTimeout() {
        long start = System.nanoTime();
        ring.submitAndWait(20_000_000);
        long waited = System.nanoTime() - start;
        assertTrue(waited >= 20_000_000, "waited " + waited);
        assertEquals(0, cq.ready());
    }

    @Test
    void shouldCompleteAPollWhenTheEventIsSignalled() {
        try (EventFd event = EventFd.create()) {
            sq.preparePoll(sq.begin(), event.number(), Poll.POLLIN, false, TOKEN);
            assertEquals(1, ring.submit());
            assertEquals(0, cq.ready());
            event.signal();
            ring.submitAndWait(IoUring.NO_TIMEOUT);

            assertEquals(1, cq.ready());
            assertEquals(TOKEN, cq.userData(0));
            assertNotEquals(0, cq.result(0) & Poll.POLLIN);
            cq.advance(1);
            assertEquals(0, cq.ready());
            assertEquals(0, ring.submit(), "nothing to do, no call");
        }
    }

    @Test
    void shouldKeepAMultishotPollArmedUntilItIsRemoved() {
        if (!KernelFeatures.host().hasMultishotPoll()) {
            System.out.println("SKIPPED: no multishot poll in this kernel");
            return;
        }
        try (EventFd event = EventFd.create()) {
            sq.preparePoll(sq.begin(), event.number(), Poll.POLLIN, true, TOKEN);
            ring.submit();
            for (int i = 0; i < 3 * CQ_ENTRIES; i++) {
                event.signal();
                ring.submitAndWait(IoUring.NO_TIMEOUT);
                assertTrue(cq.ready() >= 1);
                assertNotEquals(0, cq.flags(0) & IORING_CQE_F_MORE);
                cq.advance(cq.ready());
            }
            sq.preparePollCancel(sq.begin(), TOKEN, IGNORED);
            ring.submitAndWait(IoUring.NO_TIMEOUT);
            ring.submit();
            boolean ended = false;
            for (int i = 0; i < cq.ready(); i++) {
                if (cq.userData(i) == TOKEN) {
                    assertEquals(-Errno.ECANCELED, cq.result(i));
                    assertEquals(0, cq.flags(i) & IORING_CQE_F_MORE);
                    ended = true;
                } else {
                    assertEquals(0, cq.result(i));
                }
            }
            assertTrue(ended);
        }
    }

    /** More completions than the ring holds: the kernel keeps them, and says that it does. */
    @Test
    void shouldLoseNoCompletionWhenTheQueueIsFull() {
        try (EventFd event = EventFd.create()) {
            event.signal();
            int polls = 5 * CQ_ENTRIES;
            for (int i = 0; i < polls; i++) {
                long entry = sq.begin();
                if (entry == SubmissionQueue.FULL) {
                    ring.submit();
                    entry = sq.begin();
                }
                sq.preparePoll(entry, event.number(), Poll.POLLIN, false, UserData.pack(1, i));
            }
            boolean[] seen = new boolean[polls];
            int count = 0;
            while (count < polls) {
                ring.submitAndWait(1_000_000_000);
                int ready = cq.ready();
                assertTrue(ready > 0, "lost: " + (polls - count));
                for (int i = 0; i < ready; i++) {
                    int value = UserData.value(cq.userData(i));
                    assertFalse(seen[value]);
                    seen[value] = true;
                }
                cq.advance(ready);
                count += ready;
            }
        }
    }

    @Test
    void shouldHandOutNoMoreEntriesThanThereAre() {
        for (int i = 0; i < sq.size(); i++) {
            sq.preparePollCancel(sq.begin(), 12345, IGNORED);
        }
        assertEquals(SubmissionQueue.FULL, sq.begin());
        ring.submit();
        assertNotEquals(SubmissionQueue.FULL, sq.begin());
        sq.preparePollCancel(0, 12345, IGNORED);
    }

    @Test
    void shouldBelongToTheThreadThatEnabledIt() throws InterruptedException {
        if (!KernelFeatures.host().hasDeferredTaskRun()) {
            System.out.println("SKIPPED: no single-issuer rings in this kernel");
            return;
        }
        Throwable[] thrown = new Throwable[1];
        Thread other = Thread.ofPlatform().start(() -> {
            sq.preparePollCancel(sq.begin(), 12345, IGNORED);
            thrown[0] = assertThrows(ErrnoException.class, ring::submit);
        });
        other.join();
        assertTrue(thrown[0] instanceof ErrnoException, String.valueOf(thrown[0]));
    }
}
