// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.Counters;
import dev.miraflores.devices.balloon.BalloonCounter;
import dev.miraflores.devices.balloon.BalloonStatistics;
import dev.miraflores.devices.balloon.VirtioBalloonDevice;

/**
 * A machine's balloon: how much of its memory the guest is to have.
 * <p>Thread: any that is none of the machine's I/O threads.
 * <p>Lifetime: its machine's.
 */
public final class Balloon {

    private final BalloonConfig config;
    private final VirtioBalloonDevice device;

    Balloon(BalloonConfig config, VirtioBalloonDevice device) {
        this.config = config;
        this.device = device;
    }

    public String id() {
        return config.id();
    }

    public BalloonConfig config() {
        return config;
    }

    /** Guest memory as the machine was made with. */
    public long memoryBytes() {
        return device.memoryBytes();
    }

    /**
     * Asks the guest to make do with {@code bytes}: it gives the rest back to the host, as far and as soon as it can. Its driver,
     * once there is one, hears of it at once; {@link #actualBytes} tells how far it has come.
     *
     * @param bytes from 1 on; more than the machine has is all of it
     */
    public void setTargetBytes(long bytes) {
        device.setTargetBytes(bytes);
    }

    /** What the guest was asked to make do with. */
    public long targetBytes() {
        return device.targetBytes();
    }

    /** What the guest has by its own account. It may say anything, but no more than there is. */
    public long actualBytes() {
        return device.actualBytes();
    }

    /** What the guest has told of its memory last. */
    public BalloonStatistics statistics() {
        return device.statistics();
    }

    /** How often it is asked for that, in seconds; 0 for never, which is so at first. */
    public long pollingSeconds() {
        return device.pollingSeconds();
    }

    /**
     * Asks the guest for statistics now, and so many seconds after each answer.
     *
     * @param seconds 0, for never again, to 2^32 − 1
     */
    public void setPollingSeconds(long seconds) {
        device.setPollingSeconds(seconds);
    }

    /**
     * Has the guest tell how much of its memory is free, which {@link BalloonCounter#HINTED_BYTES} counts; it holds on to
     * that memory meanwhile, for 30 seconds at most. Nothing is given back.
     *
     * @return false where it does so already, or cannot
     */
    public boolean beginHinting() {
        return device.beginHinting();
    }

    /** Whether it is telling. */
    public boolean isHinting() {
        return device.isHinting();
    }

    public Counters<BalloonCounter> counters() {
        return device.counters();
    }
}
