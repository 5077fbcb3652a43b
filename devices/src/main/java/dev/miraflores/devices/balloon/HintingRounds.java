// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.aio.Counters;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoTimer;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.devices.virtio.DeviceEvents;
import java.util.concurrent.TimeUnit;

/**
 * Asks a driver for what is free, and lets it have that back: while a round lasts, a driver holds on to all free memory.
 * <p>Thread: the I/O thread.
 * <p>Source: virtio 1.3 §5.5.6.5.
 */
final class HintingRounds {

    /** A driver that has not come to an end by then is not waited for: its guest is short of memory meanwhile. */
    static final long LONGEST_NS = TimeUnit.SECONDS.toNanos(30);

    private static final int FIRST_ID = virtio_abi.VIRTIO_BALLOON_CMD_ID_DONE + 1;

    private final BalloonConfigSpace config;
    private final Counters<BalloonCounter> counters;
    private final DeviceEvents events;
    private final IoTimer timer;
    private int nextId;

    HintingRounds(BalloonConfigSpace config, Counters<BalloonCounter> counters, DeviceEvents events, IoThread ioThread,
            int nextId) {
        this.config = config;
        this.counters = counters;
        this.events = events;
        this.timer = ioThread.timer(this::end);
        this.nextId = Math.max(FIRST_ID, nextId);
    }

    /** The number of the round after all that have been. */
    int nextId() {
        return nextId;
    }

    /** Begins one, unless one is under way; answers whether it did. */
    boolean begin() {
        if (config.hintCommand() >= FIRST_ID) {
            return false;
        }
        // Never one that there has been: the driver may still be at an earlier round (§5.5.6.5.2).
        int id = nextId;
        nextId = id == Integer.MAX_VALUE ? FIRST_ID : id + 1;
        events.changeConfig(() -> config.setHintCommand(id));
        timer.set(System.nanoTime() + LONGEST_NS);
        return true;
    }

    /** The driver has told all, or there was enough of it: it may use the pages again. */
    void end() {
        timer.cancel();
        if (config.hintCommand() >= FIRST_ID) {
            counters.increment(BalloonCounter.HINTING_ROUNDS);
            events.changeConfig(() -> config.setHintCommand(virtio_abi.VIRTIO_BALLOON_CMD_ID_DONE));
        }
    }

    /** The driver is gone. */
    void stop() {
        timer.cancel();
        config.setHintCommand(virtio_abi.VIRTIO_BALLOON_CMD_ID_STOP);
    }
}
