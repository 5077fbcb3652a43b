// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Which queue of a disk may book, for one direction, while others have to wait: so that a disk has one request booked at a
 * time, as every other disk of its group has, however many queues it has. Queues that wait get their turns in a circle.
 * <p>Matters only where there are several queues, and several disks in the group.
 * <p>Thread: any, but what says otherwise.
 */
final class DiskTurn {

    private static final ThrottleLane[] NONE = {};

    private final ThrottleGroup group;
    private final AtomicReference<ThrottleLane> holder = new AtomicReference<>();
    /** Replaced, never changed. */
    private volatile ThrottleLane[] lanes = NONE;

    DiskTurn(ThrottleGroup group) {
        this.group = group;
    }

    synchronized void add(ThrottleLane lane) {
        ThrottleLane[] more = Arrays.copyOf(lanes, lanes.length + 1);
        more[lanes.length] = lane;
        lanes = more;
    }

    /** {@code lane} holds nothing any more and never will. On its thread. */
    synchronized void remove(ThrottleLane lane) {
        ThrottleLane[] left = NONE;
        for (ThrottleLane each : lanes) {
            if (each != lane) {
                left = Arrays.copyOf(left, left.length + 1);
                left[left.length - 1] = each;
            }
        }
        lanes = left;
        leave(lane);
    }

    /** Whether turns have to be taken at all. */
    boolean isNeeded() {
        return lanes.length > 1 && group.isShared();
    }

    boolean isTaken() {
        return holder.get() != null;
    }

    boolean isOf(ThrottleLane lane) {
        return holder.get() == lane;
    }

    /** Takes the turn for {@code lane}, if nobody has it or {@code lane} does. On its thread. */
    boolean take(ThrottleLane lane) {
        if (holder.get() == lane || holder.compareAndSet(null, lane)) {
            lane.waitsForTurn = false;
            return true;
        }
        return false;
    }

    /** Passes {@code lane}'s turn to the next that waits, if one does. On its thread. */
    boolean passOn(ThrottleLane lane) {
        ThrottleLane next = nextAfter(lane);
        if (next == null) {
            return false;
        }
        // Before another has the turn, who may want to pass it back at once.
        lane.waitsForTurn = true;
        give(next);
        return true;
    }

    /** {@code lane} needs no turn any more. On its thread. */
    void leave(ThrottleLane lane) {
        lane.waitsForTurn = false;
        if (holder.get() != lane) {
            return;
        }
        ThrottleLane next = nextAfter(lane);
        if (next != null) {
            give(next);
            return;
        }
        holder.set(null);
        // One that saw the turn taken has said before that it waits: if that was after the look above, it is seen now.
        next = nextAfter(lane);
        if (next != null && holder.compareAndSet(null, next)) {
            wake(next);
        }
    }

    private void give(ThrottleLane lane) {
        holder.set(lane);
        wake(lane);
    }

    private void wake(ThrottleLane lane) {
        if (!lane.wake()) {
            lane.waitsForTurn = false; // its thread has ended, with nothing held
            leave(lane);
        }
    }

    /** The first behind {@code lane} in the circle that waits, or {@code null}. */
    private ThrottleLane nextAfter(ThrottleLane lane) {
        ThrottleLane[] all = lanes;
        int start = Arrays.asList(all).indexOf(lane);
        for (int i = 1; i <= all.length; i++) {
            ThrottleLane next = all[Math.floorMod(start + i, all.length)];
            if (next != lane && next.waitsForTurn) {
                return next;
            }
        }
        return null;
    }
}
