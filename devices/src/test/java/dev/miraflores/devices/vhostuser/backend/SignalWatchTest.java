// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.miraflores.aio.IoThread;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.Poll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who is called out of a signal, and who is not. */
@Timeout(60)
class SignalWatchTest {

    private static final int CALL_MS = 50;
    /** Between two looks. */
    private static final long INTERVAL_NS = 200_000_000L;

    /** A signal is given its time, however much there is to be executed meanwhile. */
    @Test
    void shouldNotCallOutOneThatIsOnlySlow() {
        Vring vring = new Vring(0, () -> { });
        try (IoThread thread = IoThread.start("test"); EventFd never = EventFd.create();
                SignalWatch watch = new SignalWatch("test-watch", new Vring[] {vring}, _ -> thread)) {
            watch.setActive(true);
            long[] took = new long[1];
            int[] result = new int[1];
            do {
                thread.execute(() -> {
                    long start = System.nanoTime();
                    vring.signals.begin();
                    result[0] = Poll.poll(never.number(), Poll.POLLIN, CALL_MS); // in the place of the write
                    vring.signals.end();
                    took[0] = System.nanoTime() - start;
                });
                long end = System.nanoTime() + CALL_MS * 1_000_000L;
                while (System.nanoTime() < end) {
                    watch.setActive(true);
                }
                thread.call(() -> { });
            } while (took[0] >= INTERVAL_NS); // a busy host: it was not only slow
            assertEquals(0, result[0]);
        }
    }

    /** Or the thread would be called out of whatever it does from then on. */
    @Test
    void shouldKnowThatASignalIsOverThatFailed() {
        Vring vring = new Vring(0, () -> { });
        try (EventFd none = EventFd.adopt(Fd.open("/dev/full", Fd.O_RDWR))) {
            vring.replaceCall(none);
            assertThrows(ErrnoException.class, vring::run);
            assertFalse(SignalCount.isOn(vring.signals.get()));
        }
    }
}
