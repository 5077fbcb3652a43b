// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;

/**
 * Tells a listener how large the balloon is: the first change at once, then once a second at most, and the last one always. A
 * driver can change it as fast as it likes.
 * <p>Thread: {@link #changed}, any; the rest, the I/O thread.
 */
final class BalloonChanges {

    /** As QEMU limits BALLOON_CHANGE (monitor_qapi_event_conf). */
    static final long PERIOD_NS = TimeUnit.SECONDS.toNanos(1);

    private final IoThread ioThread;
    private final LongSupplier actual;
    private final BalloonListener listener;
    private final AtomicBoolean onItsWay = new AtomicBoolean();
    private IoTimer timer;
    private long toldNs;
    private long told;

    /** @param actual what is told */
    BalloonChanges(IoThread ioThread, LongSupplier actual, BalloonListener listener) {
        this.ioThread = ioThread;
        this.actual = actual;
        this.listener = listener;
        this.told = actual.getAsLong();
    }

    /** The driver has written it. One message at a time, however often that happens. */
    void changed() {
        if (onItsWay.compareAndSet(false, true)) {
            ioThread.execute(this::look);
        }
    }

    private void look() {
        onItsWay.set(false);
        if (timer == null) {
            timer = ioThread.timer(this::tell);
            toldNs = System.nanoTime() - PERIOD_NS;
        }
        if (!timer.isSet()) {
            timer.set(toldNs + PERIOD_NS);
        }
    }

    private void tell() {
        toldNs = System.nanoTime();
        long now = actual.getAsLong();
        if (now != told) {
            told = now;
            listener.changed(now);
        }
    }

    /** Nothing is told any more. */
    void close() {
        if (timer != null) {
            timer.cancel();
        }
    }
}
