// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import dev.miraflores.aio.PolledSource;
import dev.miraflores.aio.Watch;
import dev.miraflores.linux.EventFd;

/**
 * A queue of one, with the protocol of a virtqueue's notifications.
 * <p>Thread: {@code ring}, one that waits; the source's and timer's methods, the I/O thread.
 */
final class DoorbellWork implements PolledSource, Runnable, AutoCloseable {

    private final IoThread thread;
    private final EventFd event = EventFd.create();
    private IoTimer timer;
    private Watch watch;

    private volatile int rung;
    private volatile int done;
    private volatile boolean eventsWanted = true;
    private volatile boolean byTimer;
    private int taken;

    DoorbellWork(IoThread thread) {
        this.thread = thread;
        thread.call(() -> {
            timer = thread.timer(this);
            watch = thread.watch(event, this);
        });
    }

    /** Rings, and waits until the work is done. */
    void ring(boolean withTimer) {
        byTimer = withTimer;
        int number = rung + 1;
        rung = number;
        if (eventsWanted) {
            event.signal();
        }
        while (done != number) {
            Thread.onSpinWait();
        }
    }

    @Override
    public boolean hasWork() {
        return rung != taken;
    }

    @Override
    public boolean poll() {
        if (rung == taken) {
            return false;
        }
        eventsWanted = false;
        taken = rung;
        if (byTimer) {
            timer.set(thread.turnNanoTime());
        } else {
            done = taken;
        }
        return true;
    }

    /** The timer's. */
    @Override
    public void run() {
        done = taken;
    }

    @Override
    public boolean enableEvents() {
        eventsWanted = true;
        return hasWork();
    }

    @Override
    public void endTurn() {
    }

    @Override
    public void onFailure(Throwable bug) {
        throw new AssertionError(bug);
    }

    @Override
    public void close() {
        thread.call(watch::close);
        event.close();
    }
}
