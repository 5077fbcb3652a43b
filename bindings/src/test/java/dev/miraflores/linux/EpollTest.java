// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class EpollTest {
    private static final long FIRST = 0x1234_5678_9ABC_DEF0L;
    private static final long SECOND = -1;

    @Test
    void shouldTellWhoIsReady() {
        try (Epoll epoll = Epoll.create(8); EventFd first = EventFd.create(); EventFd second = EventFd.create()) {
            assertEquals(0, epoll.add(first.number(), Epoll.EPOLLIN, FIRST));
            assertEquals(0, epoll.add(second.number(), Epoll.EPOLLIN, SECOND));
            assertEquals(0, epoll.await(0));

            first.signal();
            assertEquals(1, epoll.await(-1));
            assertEquals(FIRST, epoll.token(0));
            assertEquals(Epoll.EPOLLIN, epoll.events(0));

            second.signal();
            assertEquals(2, epoll.await(-1));
            assertEquals(Set.of(FIRST, SECOND), new HashSet<>(Set.of(epoll.token(0), epoll.token(1))));
        }
    }

    /** What lets an eventfd be watched without its count being taken. */
    @Test
    void shouldTellOfEachSignalOnceWhereEdgesAreAskedFor() {
        try (Epoll epoll = Epoll.create(8); EventFd event = EventFd.create()) {
            event.signal();
            assertEquals(0, epoll.add(event.number(), Epoll.EPOLLIN | Epoll.EPOLLET, FIRST));
            assertEquals(1, epoll.awaitNs(Long.MAX_VALUE));
            assertEquals(0, epoll.awaitNs(0));
            for (int i = 0; i < 10; i++) {
                event.signal();
                assertEquals(1, epoll.await(0));
                assertEquals(0, epoll.await(0));
            }
            assertEquals(11, event.drain());
        }
    }

    @Test
    void shouldWaitForNanoseconds() {
        try (Epoll epoll = Epoll.create(8); EventFd event = EventFd.create()) {
            assertEquals(0, epoll.add(event.number(), Epoll.EPOLLIN, FIRST));
            for (long ns : new long[] {1, 999, 1_000_001, 3_500_000}) {
                long start = System.nanoTime();
                assertEquals(0, epoll.awaitNs(ns));
                long waited = System.nanoTime() - start;
                assertTrue(waited >= ns, "waited " + waited + " of " + ns);
            }
            event.signal();
            assertEquals(1, epoll.awaitNs(Long.MAX_VALUE - 1));
            assertEquals(FIRST, epoll.token(0));
        }
    }

    @Test
    void shouldChangeAndForget() {
        try (Epoll epoll = Epoll.create(1); EventFd event = EventFd.create()) {
            assertEquals(0, epoll.add(event.number(), Epoll.EPOLLIN, FIRST));
            assertEquals(-Errno.EEXIST, epoll.add(event.number(), Epoll.EPOLLIN, FIRST));

            assertEquals(0, epoll.modify(event.number(), Epoll.EPOLLOUT, SECOND));
            assertEquals(1, epoll.await(0));
            assertEquals(SECOND, epoll.token(0));
            assertEquals(Epoll.EPOLLOUT, epoll.events(0));

            assertEquals(0, epoll.remove(event.number()));
            assertEquals(-Errno.ENOENT, epoll.remove(event.number()));
            assertEquals(0, epoll.await(0));
        }
    }

    @Test
    void shouldRefuseUseAfterClose() {
        Epoll epoll = Epoll.create(1);
        epoll.close();
        epoll.close();

        assertThrows(IllegalStateException.class, () -> epoll.await(0));
        assertThrows(IllegalStateException.class, () -> epoll.token(0));
    }

    @Test
    void shouldPollOneDescriptor() {
        try (EventFd event = EventFd.create()) {
            assertEquals(0, Poll.poll(event.number(), Poll.POLLIN, 1));
            assertEquals(Poll.POLLOUT, Poll.poll(event.number(), Poll.POLLIN | Poll.POLLOUT, -1));
            assertEquals(Poll.POLLNVAL, Poll.poll(Integer.MAX_VALUE, Poll.POLLIN, 0));
        }
    }
}
