// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.linux.Epoll;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;
import java.util.Arrays;

/**
 * An I/O thread's epoll, for hosts whose io_uring is not to be had. Eventfds are watched for edges: each signal is told
 * once, and the count is left to grow, so that a doorbell costs no call beside the one that waits.
 * <p>Its events do not show in memory. What only ends a sleep need not be looked for while awake; for the sake of the
 * rest, if there is any, the kernel is asked now and then.
 * <p>Source: epoll(7), eventfd(2).
 */
final class EpollPort extends EventPort {

    /** Events taken with one call; the kernel keeps the rest, and goes round. */
    private static final int MAX_EVENTS = 64;

    private final String whyNoUring;
    private final Epoll epoll = Epoll.create(MAX_EVENTS);
    /** By token. */
    private Watched[] watches = {};
    /** Those that have to be called, not only woken up for. */
    private int handlerCount;
    /** Taken from the kernel, not told yet. */
    private int ready;

    /**
     * @param whyNoUring the one line for who wants io_uring
     */
    EpollPort(String whyNoUring) {
        this.whyNoUring = whyNoUring;
    }

    @Override
    String whyNoUring() {
        return whyNoUring;
    }

    @Override
    void enable() {
    }

    @Override
    boolean hasEvents() {
        return ready != 0;
    }

    @Override
    void look() {
        if (handlerCount != 0) {
            await(0);
        }
    }

    @Override
    void submit() {
        if (handlerCount != 0) {
            await(0);
        }
    }

    @Override
    void await(long timeoutNs) {
        if (ready != 0) {
            return;
        }
        int rc = epoll.awaitNs(timeoutNs);
        if (rc >= 0) {
            ready = rc;
        } else if (rc != -Errno.EINTR) {
            throw new ErrnoException("epoll_wait(timeout=" + timeoutNs + " ns)", -rc);
        }
    }

    @Override
    int dispatch() {
        int count = ready;
        ready = 0;
        for (int i = 0; i < count; i++) {
            Watched watch = watches[(int) epoll.token(i)];
            // Closed since: by another that these events are of.
            if (watch != null) {
                watch.onEvents(epoll.events(i));
            }
        }
        return count;
    }

    @Override
    Watch watch(EventFd event, EventHandler handler) {
        handlerCount++;
        return add(event, handler);
    }

    @Override
    Watch wakeOn(EventFd event) {
        return add(event, null);
    }

    private Watch add(EventFd event, EventHandler handler) {
        int token = freeToken();
        int rc = epoll.add(event.number(), Epoll.EPOLLIN | Epoll.EPOLLET, token);
        if (rc < 0) {
            throw new ErrnoException("epoll_ctl(ADD, eventfd=" + event.number() + ")", -rc);
        }
        EpollWatch watch = new EpollWatch(event, handler, token);
        watches[token] = watch;
        return watch;
    }

    private int freeToken() {
        int token = 0;
        while (token < watches.length && watches[token] != null) {
            token++;
        }
        if (token == watches.length) {
            watches = Arrays.copyOf(watches, token + 1);
        }
        return token;
    }

    @Override
    DescriptorWatch watch(int descriptor, DescriptorHandler handler) {
        int token = freeToken();
        EpollDescriptorWatch watch = new EpollDescriptorWatch(descriptor, handler, token);
        watches[token] = watch;
        handlerCount++;
        return watch;
    }

    /** Who has a token. */
    private interface Watched {
        void onEvents(int events);
    }

    private final class EpollWatch implements Watch, Watched {
        private final EventFd event;
        private final EventHandler handler;
        private final int token;

        EpollWatch(EventFd event, EventHandler handler, int token) {
            this.event = event;
            this.handler = handler;
            this.token = token;
        }

        @Override
        public void onEvents(int events) {
            if (handler != null) {
                handler.onEvent();
            }
        }

        @Override
        public void close() {
            if (watches[token] != this) {
                return;
            }
            watches[token] = null;
            if (handler != null) {
                handlerCount--;
            }
            epoll.remove(event.number());
        }
    }

    /** Told once of each wish: after that the kernel says nothing, not even of errors, until it is asked anew. */
    private final class EpollDescriptorWatch implements DescriptorWatch, Watched {
        private final int descriptor;
        private final DescriptorHandler handler;
        private final int token;
        private int wanted;
        private boolean added;

        EpollDescriptorWatch(int descriptor, DescriptorHandler handler, int token) {
            this.descriptor = descriptor;
            this.handler = handler;
            this.token = token;
        }

        @Override
        public void awaitReadable() {
            want(Epoll.EPOLLIN);
        }

        @Override
        public void awaitWritable() {
            want(Epoll.EPOLLOUT);
        }

        private void want(int event) {
            if (watches[token] != this) {
                throw new IllegalStateException("the watch of descriptor " + descriptor + " is closed");
            }
            if ((wanted & event) == 0) {
                wanted |= event;
                arm();
            }
        }

        private void arm() {
            int interest = wanted | Epoll.EPOLLONESHOT;
            int rc = added ? epoll.modify(descriptor, interest, token) : epoll.add(descriptor, interest, token);
            if (rc < 0) {
                wanted = 0;
                handler.onWatchFailed(-rc);
            } else {
                added = true;
            }
        }

        @Override
        public void onEvents(int events) {
            int told = (events & ~(Epoll.EPOLLIN | Epoll.EPOLLOUT)) != 0 ? wanted : events & wanted;
            wanted &= ~told;
            if (wanted != 0) {
                arm();
            }
            if ((told & Epoll.EPOLLIN) != 0) {
                handler.onReadable();
            }
            if ((told & Epoll.EPOLLOUT) != 0 && watches[token] == this) {
                handler.onWritable();
            }
        }

        @Override
        public void close() {
            if (watches[token] != this) {
                return;
            }
            watches[token] = null;
            handlerCount--;
            if (added) {
                epoll.remove(descriptor);
            }
        }
    }

    @Override
    BlockEngine openEngine(IoThread thread, BlockFile file, LinkOptions options) {
        throw new IllegalStateException("drive " + file + ": " + whyNoUring);
    }

    @Override
    int inFlight() {
        return 0;
    }

    @Override
    void close() {
        epoll.close();
    }
}
