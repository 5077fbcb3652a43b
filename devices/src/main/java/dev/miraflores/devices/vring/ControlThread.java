// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vring;

import dev.miraflores.linux.Epoll;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A thread that waits for descriptors, messages and one point in time: the control plane of a device, not its I/O.
 * <p>Thread: {@code execute}, {@code call} and {@code close}, any; the rest, this thread itself.
 * <p>Lifetime: until {@link #close}, which lets it run what it was given before.
 */
public final class ControlThread implements Executor, AutoCloseable {

    public static final long NEVER = Long.MAX_VALUE;

    private static final int EVENTS = 64;
    private static final long CLOSE_NS = 30_000_000_000L;

    /** What it does when nobody asks. */
    public interface Duty {

        /** In how many ns {@link #turn} is wanted, at the latest, or {@link #NEVER}. */
        long waitNs();

        /** Called after each wait. */
        void turn();

        /** Something that was called has thrown, which is a mistake of ours. */
        void failed(Throwable bug);

        /** The last call of all. */
        void ended();
    }

    private final Epoll epoll = Epoll.create(EVENTS);
    private final EventFd wake = EventFd.create();
    private final Queue<Runnable> mailbox = new ConcurrentLinkedQueue<>();
    private final Map<Long, Runnable> watches = new HashMap<>();
    private final Thread thread;
    /** Tokens begin at 1, so that 0 can stand for none. */
    private long lastToken;
    private Duty duty;
    private volatile boolean closing;

    public ControlThread(String name) {
        thread = new Thread(this::run, name);
        thread.setDaemon(true);
    }

    public void start(Duty whose) {
        duty = whose;
        watch(wake.number(), wake::drain);
        thread.start();
    }

    public String name() {
        return thread.getName();
    }

    @Override
    public void execute(Runnable message) {
        mailbox.add(message);
        synchronized (this) {
            if (wake.isOpen()) {
                wake.signal();
            }
        }
    }

    /**
     * Has {@code message} run and waits until it says that it is done, but no longer than that.
     *
     * @param message is given what it has to call in the end, on any thread and maybe long after it has returned
     * @return whether it was done in time
     */
    public boolean call(Consumer<Runnable> message, long timeoutNs) {
        CountDownLatch done = new CountDownLatch(1);
        execute(() -> message.accept(done::countDown));
        return await(done, timeoutNs);
    }

    private static boolean await(CountDownLatch latch, long timeoutNs) {
        boolean interrupted = false;
        long endNs = System.nanoTime() + Math.min(timeoutNs, Long.MAX_VALUE / 2);
        try {
            for (;;) {
                try {
                    return latch.await(endNs - System.nanoTime(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * Calls {@code ready} while the descriptor is readable, or its other end gone.
     *
     * @return what {@link #unwatch} wants
     */
    public long watch(int fd, Runnable ready) {
        long token = ++lastToken;
        int rc = epoll.add(fd, Epoll.EPOLLIN, token);
        if (rc < 0) {
            throw new ErrnoException("epoll_ctl(" + fd + ")", -rc);
        }
        watches.put(token, ready);
        return token;
    }

    /** Before the descriptor is closed. */
    public void unwatch(int fd, long token) {
        if (watches.remove(token) != null) {
            epoll.remove(fd);
        }
    }

    /** After the descriptor was closed, which ends the kernel's part. */
    public void forget(long token) {
        watches.remove(token);
    }

    private void run() {
        while (!closing) {
            int count = epoll.awaitNs(mailbox.isEmpty() ? Math.max(0, duty.waitNs()) : 0);
            if (count < 0 && count != -Errno.EINTR) {
                throw new ErrnoException("epoll_wait", -count);
            }
            for (int i = 0; i < count; i++) {
                // One that was called before may have ended this one's watch.
                Runnable ready = watches.get(epoll.token(i));
                if (ready != null) {
                    call(ready);
                }
            }
            for (Runnable message = mailbox.poll(); message != null; message = mailbox.poll()) {
                call(message);
            }
            call(duty::turn);
        }
        call(duty::ended);
        synchronized (this) {
            wake.close();
        }
        epoll.close();
    }

    private void call(Runnable what) {
        try {
            what.run();
        } catch (RuntimeException | Error bug) {
            duty.failed(bug);
        }
    }

    /** {@link #end}, with the usual patience. */
    @Override
    public void close() {
        end(CLOSE_NS);
    }

    /**
     * Ends it, and waits until it has, but not for ever: a back end that shares our events may hold us up in one
     * ({@link EventFd#share}). Not on this thread.
     *
     * @return whether it runs no more, and nothing that it was to do is under way
     */
    public boolean end(long timeoutNs) {
        execute(() -> closing = true);
        boolean interrupted = false;
        long endNs = System.nanoTime() + timeoutNs;
        for (long leftNs = timeoutNs; thread.isAlive() && leftNs > 0; leftNs = endNs - System.nanoTime()) {
            try {
                thread.join(Duration.ofNanos(leftNs));
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (thread.isAlive()) {
            System.getLogger(ControlThread.class.getName()).log(System.Logger.Level.WARNING,
                thread.getName() + " does not end; it is left behind");
        }
        return !thread.isAlive();
    }
}
