// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.aio.IoThread;
import dev.miraflores.linux.KickSignal;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntFunction;

/**
 * Calls I/O threads out of signals that wait. A front end shares the eventfds that it hands over: one that makes them blocking
 * again, and full, holds up who signals, and no check before the call, nor a call of io_uring's, is sure to come between. A write
 * that waits can be interrupted, though: an I/O thread that is still in the signal that it was in at the look before is.
 * A thread that was only slow is not harmed.
 * <p>Thread: any; what looks is a thread of its own, which begins with the first {@link #wake} and sleeps while there is nothing to
 * be looked at.
 * <p>Lifetime: until {@link #close}.
 */
final class SignalWatch implements AutoCloseable {

    /** A signal that takes longer than from one look to the next but one waits for the front end. */
    private static final long INTERVAL_NS = 200_000_000L;

    private final String name;
    private final Vring[] vrings;
    private final IntFunction<IoThread> threadOf;
    private final int[] seen;
    private final AtomicInteger posted = new AtomicInteger();
    private volatile boolean active;
    private volatile boolean closed;
    private volatile Thread thread;

    /** @param threadOf the I/O thread of a ring */
    SignalWatch(String name, Vring[] vrings, IntFunction<IoThread> threadOf) {
        this.name = name;
        this.vrings = vrings;
        this.threadOf = threadOf;
        this.seen = new int[vrings.length];
    }

    /** Whether rings run, and so may be signalled for at any time. */
    void setActive(boolean on) {
        active = on;
        if (on) {
            wake();
        }
    }

    /**
     * Has a ring's I/O thread do something that may signal, or that signals must not be under way for.
     *
     * @return false where that thread has ended
     */
    boolean execute(int ring, Runnable action) {
        wake();
        posted.incrementAndGet();
        if (!post(ring, () -> run(action))) {
            posted.decrementAndGet();
            return false;
        }
        LockSupport.unpark(thread);
        return true;
    }

    private boolean post(int ring, Runnable action) {
        try {
            threadOf.apply(ring).execute(action);
            return true;
        } catch (RejectedExecutionException e) {
            return false;
        }
    }

    private void run(Runnable action) {
        try {
            action.run();
        } finally {
            posted.decrementAndGet();
        }
    }

    private synchronized void wake() {
        if (thread == null) {
            for (Vring vring : vrings) {
                post(vring.index, KickSignal::unblock);
            }
            thread = Thread.ofPlatform().name(name).daemon().start(this::watch);
        }
        LockSupport.unpark(thread);
    }

    private void watch() {
        long lookedNs = System.nanoTime();
        while (!closed || posted.get() != 0) {
            long leftNs = lookedNs + INTERVAL_NS - System.nanoTime();
            if (!active && posted.get() == 0) {
                LockSupport.park(this);
            } else if (leftNs > 0) {
                LockSupport.parkNanos(this, leftNs);
            } else {
                look();
                lookedNs = System.nanoTime();
            }
        }
    }

    private void look() {
        for (int i = 0; i < vrings.length; i++) {
            int now = vrings[i].signals.get();
            if (now == seen[i] && SignalCount.isOn(now)) {
                KickSignal.send(threadOf.apply(i).threadId());
            }
            seen[i] = now;
        }
    }

    /** It ends once all that was to be executed has been. */
    @Override
    public synchronized void close() {
        closed = true;
        active = false;
        LockSupport.unpark(thread);
    }
}
