// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;

/**
 * Wakes an I/O thread so often that a ring without a kick descriptor is looked at all the same: awake, the thread looks at all
 * of its rings.
 * <p>Thread: its I/O thread; {@link #start} and {@link #stop}, another.
 */
final class Polling {

    /** A request waits half of that on average where the thread is idle; a busy thread looks anyway. */
    private static final long INTERVAL_NS = 100_000;

    private final IoThread thread;
    private IoTimer timer;
    private boolean stopped;

    Polling(IoThread thread) {
        this.thread = thread;
    }

    void start() {
        thread.execute(() -> {
            timer = thread.timer(this::again);
            again();
        });
    }

    private void again() {
        if (!stopped) {
            timer.set(System.nanoTime() + INTERVAL_NS);
        }
    }

    void stop() {
        thread.execute(() -> {
            stopped = true;
            timer.cancel();
        });
    }
}
