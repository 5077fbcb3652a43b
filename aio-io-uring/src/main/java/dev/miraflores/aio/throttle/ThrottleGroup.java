// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import java.util.Arrays;

/**
 * Disks that share limits: what they do together stays within them, and where they want more than that, each gets the same
 * share. A disk alone is a group too.
 * <p>Where no request has to wait, disks share nothing but the numbers in the buckets, with no lock.
 * <p>Thread: any.
 */
public final class ThrottleGroup {

    private static final ThrottleStage[] NONE = {};

    private final String name;
    private volatile ThrottleState state;
    /** Replaced, never changed. */
    private volatile ThrottleStage[] disks = NONE;

    /** A group with no disk in it. */
    public ThrottleGroup(String name, ThrottleConfig config) {
        this(name, config, System.nanoTime());
    }

    ThrottleGroup(String name, ThrottleConfig config, long now) {
        this.name = name;
        this.state = new ThrottleState(config, now);
    }

    public String name() {
        return name;
    }

    /** Its limits. */
    public ThrottleConfig config() {
        return state.config();
    }

    /**
     * Gives it other limits, from now on and for what is held back already: what would wait less under the new ones waits less.
     * Buckets start empty, so bursts may be had anew.
     */
    public void setConfig(ThrottleConfig config) {
        setConfig(config, System.nanoTime());
    }

    void setConfig(ThrottleConfig config, long now) {
        state = new ThrottleState(config, now);
        // A request that is held under the old limits was so before its queue gets the message.
        for (ThrottleStage disk : disks) {
            disk.reconsider();
        }
    }

    ThrottleState state() {
        return state;
    }

    /** Whether it has several disks. */
    boolean isShared() {
        return disks.length > 1;
    }

    /** How many disks are in it. */
    public int size() {
        return disks.length;
    }

    synchronized void add(ThrottleStage disk) {
        ThrottleStage[] more = Arrays.copyOf(disks, disks.length + 1);
        more[disks.length] = disk;
        disks = more;
    }

    synchronized void remove(ThrottleStage disk) {
        ThrottleStage[] left = NONE;
        for (ThrottleStage each : disks) {
            if (each != disk) {
                left = Arrays.copyOf(left, left.length + 1);
                left[left.length - 1] = each;
            }
        }
        disks = left;
    }
}
