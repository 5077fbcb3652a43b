// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.linux.EventFd;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jctools.queues.atomic.MpscAtomicArrayQueue;
import org.jctools.queues.atomic.SpmcAtomicArrayQueue;

/**
 * Threads that make one link's calls that wait. Tasks go to them and come back through two bounded arrays; nobody locks and
 * nothing is allocated. A link has workers of its own, so that a disk that hangs takes no other disk's.
 * <p>There are as many as are needed, up to 64, the first for as long as the link lives, the others until they have had
 * nothing to do for a while. The I/O thread wakes or starts one at the end of a turn; whoever was woken and leaves more
 * behind wakes the next. So calls that do not wait are made by a few, and calls that do spread at once.
 * <pre>  bit i of   idle     worker i sleeps, or is about to; whoever clears it wakes it up
 *             started  worker i exists </pre>
 * <p>Thread: the I/O thread, all that is not private.
 * <p>Lifetime: until {@link #close}, with no task out. Workers end on their own then; the last closes the event.
 */
final class EngineWorkers {

    /** As many as QEMU's pool; also the bits of a long. */
    static final int MAX_WORKERS = 64;
    private static final long IDLE_NS = 10_000_000_000L;

    private static final VarHandle LISTENING;

    static {
        try {
            LISTENING = MethodHandles.lookup().findVarHandle(EngineWorkers.class, "listening", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final String name;
    private final long allWorkers;
    private final SpmcAtomicArrayQueue<EngineTask> tasks;
    private final MpscAtomicArrayQueue<EngineTask> done;
    private final EventFd event = EventFd.create();

    private final AtomicLong idle = new AtomicLong();
    private final AtomicLong started = new AtomicLong();
    /** Read only by who took the worker's bit from {@link #idle}, which the worker set after it was put here. */
    private final Thread[] threads = new Thread[MAX_WORKERS];
    /** A thread takes a while to start; meanwhile no other is started for the same tasks. */
    private volatile boolean starting;

    /** The I/O thread sleeps, or is about to: whoever clears it signals the event. */
    private volatile boolean listening;
    private volatile boolean closed;
    /** The link and each worker; the last to go closes the event. */
    private final AtomicInteger users = new AtomicInteger(1);

    /**
     * Starts the first.
     *
     * @param name  of the threads, with a number behind it
     * @param depth how many tasks can be out at once
     */
    EngineWorkers(String name, int depth) {
        this.name = name;
        int most = Math.min(depth, MAX_WORKERS);
        this.allWorkers = -1L >>> Long.SIZE - most;
        this.tasks = new SpmcAtomicArrayQueue<>(Math.max(2, depth));
        this.done = new MpscAtomicArrayQueue<>(Math.max(2, depth));
        starting = true;
        if (!start()) {
            event.close();
            throw new OutOfMemoryError("no thread to be had");
        }
    }

    /** Signalled with what is done, once for each {@link #enableEvents}. */
    EventFd event() {
        return event;
    }

    /** Hands a task over; it is begun after the next {@link #wake} at the latest. */
    void submit(EngineTask task) {
        tasks.offer(task);
    }

    /** Once for all that was submitted since the last time. */
    void wake() {
        if (!tasks.isEmpty()) {
            wakeOne();
        }
    }

    /** Whether {@link #take} has something. Looks at memory only. */
    boolean hasDone() {
        return !done.isEmpty();
    }

    /** The next that is done, or {@code null}. */
    EngineTask take() {
        return done.relaxedPoll();
    }

    /**
     * Has the event signalled when something is done from now on.
     *
     * @return whether something was done before that, so that there may be no signal for it
     */
    boolean enableEvents() {
        if (!listening) {
            listening = true;
            // Store above, then load below; weaker, and what a worker puts there in between is not seen by either.
            VarHandle.fullFence();
        }
        return hasDone();
    }

    /** The I/O thread is awake and looks by itself. */
    void disableEvents() {
        if (listening) {
            listening = false;
        }
    }

    /** Wakes a worker that sleeps, or starts one where there may be more; where all have work they come by themselves. */
    private void wakeOne() {
        // Tasks are there before this is looked at. Pairs with the fence of a worker that goes to sleep.
        VarHandle.fullFence();
        if (unparkOne()) {
            return;
        }
        if (started.get() != allWorkers && !starting) {
            // Two that come here at once start one too many, which goes to sleep.
            starting = true;
            start();
        }
    }

    /** Wakes one of those that sleep; answers whether there was any. */
    private boolean unparkOne() {
        for (long sleeping; (sleeping = idle.get()) != 0; ) {
            long bit = Long.lowestOneBit(sleeping);
            if (idle.compareAndSet(sleeping, sleeping & ~bit)) {
                LockSupport.unpark(threads[Long.numberOfTrailingZeros(bit)]);
                return true;
            }
        }
        return false;
    }

    /** Starts a worker where there is room; it says itself when it has started. Answers whether it will. */
    private boolean start() {
        long bit;
        for (long now; ; ) {
            now = started.get();
            bit = Long.lowestOneBit(~now & allWorkers);
            if (bit == 0) {
                starting = false;
                return false;
            }
            if (started.compareAndSet(now, now | bit)) {
                break;
            }
        }
        int number = Long.numberOfTrailingZeros(bit);
        users.incrementAndGet();
        try {
            Thread thread = new Thread(new Worker(number), name + number);
            thread.setDaemon(true);
            threads[number] = thread;
            thread.start();
            return true;
        } catch (OutOfMemoryError e) {
            // The host has no more; those there are do the work.
            started.getAndAdd(-bit);
            starting = false;
            leave();
            return false;
        }
    }

    private void leave() {
        if (users.decrementAndGet() == 0) {
            event.close();
        }
    }

    /** No more tasks will come. Does not wait for the threads, which end at once. */
    void close() {
        listening = false;
        closed = true;
        VarHandle.fullFence();
        while (unparkOne()) {
            // until none sleeps; who does not sleep yet looks at closed first
        }
        leave();
    }

    /** For tests: how many threads there are. */
    int count() {
        return Long.bitCount(started.get());
    }

    /** Takes back a bit of {@link #idle}; answers whether it was there, so that nobody else wakes the worker for it. */
    private boolean takeIdle(long bit) {
        for (long now; ((now = idle.get()) & bit) != 0; ) {
            if (idle.compareAndSet(now, now & ~bit)) {
                return true;
            }
        }
        return false;
    }

    private final class Worker implements Runnable {
        private final int number;
        private final long bit;

        Worker(int number) {
            this.number = number;
            this.bit = 1L << number;
        }

        @Override
        public void run() {
            starting = false;
            boolean awoken = true;
            while (true) {
                EngineTask task = tasks.poll();
                if (task != null) {
                    if (awoken && !tasks.isEmpty()) {
                        wakeOne();
                    }
                    awoken = false;
                    task.run();
                    finish(task);
                } else if (sleep()) {
                    awoken = true;
                } else {
                    end();
                    return;
                }
            }
        }

        private void finish(EngineTask task) {
            done.offer(task);
            // Store above, then load below; pairs with the fence of enableEvents.
            VarHandle.fullFence();
            if (listening && LISTENING.compareAndSet(EngineWorkers.this, true, false)) {
                event.signal();
            }
        }

        /** Sleeps until it is woken; answers whether it is still needed. */
        private boolean sleep() {
            idle.getAndAdd(bit);
            // Store above, then load below; weaker, and a task that comes in between finds nobody asleep.
            VarHandle.fullFence();
            if (!tasks.isEmpty()) {
                takeIdle(bit);
                return true;
            }
            long start = System.nanoTime();
            while ((idle.get() & bit) != 0) {
                if (closed) {
                    takeIdle(bit);
                    return false;
                }
                if (number == 0) {
                    LockSupport.park(this);
                    continue;
                }
                long leftNs = IDLE_NS - (System.nanoTime() - start);
                if (leftNs > 0) {
                    LockSupport.parkNanos(this, leftNs);
                } else if (takeIdle(bit)) {
                    return false;
                }
            }
            return !closed;
        }

        private void end() {
            threads[number] = null;
            started.getAndAdd(-bit);
            // As long as this one counted, no other was started for a task that came meanwhile.
            VarHandle.fullFence();
            if (!closed && !tasks.isEmpty()) {
                wakeOne();
            }
            leave();
        }
    }
}
