// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.entropy;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import java.util.concurrent.TimeUnit;

/**
 * How much a guest may have in a period, which begins when it takes the first of it. A reset of the device does not begin one.
 * <p>Thread: the I/O thread.
 */
final class EntropyQuota {

    /** No limit. */
    static final EntropyQuota UNLIMITED = new EntropyQuota(Long.MAX_VALUE, 0);

    private final long maxBytes;
    private final long periodNs;
    private IoTimer timer;
    private long left;

    EntropyQuota(long maxBytes, long periodMs) {
        this.maxBytes = maxBytes;
        this.periodNs = TimeUnit.MILLISECONDS.toNanos(periodMs);
        this.left = maxBytes;
    }

    /** On the thread that serves the queue. */
    void start(IoThread ioThread) {
        if (timer == null && maxBytes != Long.MAX_VALUE) {
            timer = ioThread.timer(this::refill);
        }
    }

    /** Bytes that the guest may still have. */
    long left() {
        return left;
    }

    void take(long bytes) {
        if (timer == null || bytes == 0) {
            return;
        }
        left -= bytes;
        if (!timer.isSet()) {
            timer.set(System.nanoTime() + periodNs);
        }
    }

    private void refill() {
        left = maxBytes;
    }

    /** The thread may end. */
    void close() {
        if (timer != null) {
            timer.cancel();
        }
    }
}
