// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.time.Duration;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Tells when guests have had the time that they were given to let go of a device.
 * <p>Thread: any; its own lives only while someone is waiting for an answer.
 */
final class RemovalClock implements AutoCloseable {

    private static final long IDLE_MS = 100;

    private final String name;
    private ScheduledThreadPoolExecutor timer;
    private boolean closed;

    RemovalClock(String name) {
        this.name = name;
    }

    /** Says {@link DeviceRemoval#unanswered} after that time, and calls {@code event}, unless there was an answer. */
    synchronized void start(DeviceRemoval removal, Duration answerWithin, Runnable event) {
        if (closed) {
            return;
        }
        if (timer == null) {
            timer = new ScheduledThreadPoolExecutor(1, Thread.ofPlatform().name(name).daemon().factory());
            timer.setRemoveOnCancelPolicy(true);
            timer.setKeepAliveTime(IDLE_MS, TimeUnit.MILLISECONDS);
            timer.allowCoreThreadTimeOut(true);
        }
        removal.deadline(timer.schedule(() -> {
            if (removal.unanswered()) {
                event.run();
            }
        }, answerWithin.toNanos(), TimeUnit.NANOSECONDS));
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (timer != null) {
            timer.shutdownNow();
        }
    }
}
