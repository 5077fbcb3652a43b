// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import java.util.concurrent.TimeUnit;

/**
 * Calls {@code onExpiry} once at a set time, on a thread of its own that exists from the first {@code arm} on.
 * <p>Thread: any. {@code onExpiry} runs without the timer's lock, so it may take its device's lock and arm again.
 * <p>Lifetime: after {@code close} nothing is called any more, but a call that has begun may still be running.
 */
abstract class DeviceTimer implements AutoCloseable {

    private static final long NEVER = Long.MAX_VALUE;

    private final String name;
    private Thread thread;
    private boolean armed;
    private boolean closed;
    private long deadlineNs;

    DeviceTimer(String name) {
        this.name = name;
    }

    /** The time has come. */
    abstract void onExpiry();

    /** One call {@code delayNs} from now, in place of the one that was set before. */
    synchronized void arm(long delayNs) {
        armed = true;
        deadlineNs = System.nanoTime() + Math.max(0, delayNs);
        if (thread == null && !closed) {
            thread = Thread.ofPlatform().name(name).daemon().start(this::run);
        }
        notifyAll();
    }

    synchronized void disarm() {
        armed = false;
    }

    private void run() {
        while (awaitExpiry()) {
            onExpiry();
        }
    }

    private synchronized boolean awaitExpiry() {
        try {
            while (!closed) {
                long left = armed ? deadlineNs - System.nanoTime() : NEVER;
                if (left <= 0) {
                    armed = false;
                    return true;
                }
                TimeUnit.NANOSECONDS.timedWait(this, left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return false;
    }

    @Override
    public void close() {
        Thread running;
        synchronized (this) {
            closed = true;
            notifyAll();
            running = thread;
        }
        if (running != null && running != Thread.currentThread()) {
            try {
                running.join(1000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
