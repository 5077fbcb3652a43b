// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIoQueue;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.Counters;
import dev.miraflores.aio.jfr.FlightEvents;

/**
 * The requests of one direction on one queue of a disk. The first of those that are held back is booked in the group's
 * buckets, and goes when its time has come; then the next one is booked. As each disk of a group has one booked at a time,
 * each gets its share, in a circle, though none knows of the others.
 * <p>Thread: its I/O thread, but for {@link #wake} and {@link #waitsForTurn}.
 */
final class ThrottleLane implements Runnable {

    /** How often JFR is told while requests are held without end. */
    private static final long TELL_NS = 1_000_000_000L;

    private final ThrottleDirection direction;
    private final ThrottleGroup group;
    private final DiskTurn turn;
    private final ThrottleThread thread;
    private final ThrottleThread.Alarm alarm;
    private final BlockLink next;
    private final Counters<ThrottleCounter> counters;

    private final BlockIoQueue held = new BlockIoQueue();
    /** Where the first that is held was booked, or {@code null}. */
    private ThrottleState booked;
    private long bookedAt;
    /** It has let a request go since it got the turn. */
    private boolean turnUsed;
    private boolean pumping;
    private boolean draining;
    /** Until when {@link ThrottleCounter#HELD_READ_NS} or its sister has been counted. */
    private long countedUntil;
    /** Until when JFR was told that requests were held, and how many it was not told of. */
    private long toldUntil;
    private long untold;

    /** It has requests, and another queue of the disk has the turn. Read by that one. */
    volatile boolean waitsForTurn;

    ThrottleLane(
            ThrottleDirection direction, ThrottleGroup group, DiskTurn turn, ThrottleThread thread, BlockLink next,
            Counters<ThrottleCounter> counters) {
        this.direction = direction;
        this.group = group;
        this.turn = turn;
        this.thread = thread;
        this.next = next;
        this.counters = counters;
        this.alarm = thread.alarm(this);
        turn.add(this);
    }

    void submit(BlockIo io) {
        if (!held.isEmpty()) {
            hold(io);
            return;
        }
        ThrottleState state = group.state();
        if (!state.limits(direction)) {
            next.submit(io);
        } else if (draining || !turn.isTaken() || isFree(state, thread.now())) {
            book(io, state);
        } else {
            hold(io);
            pump();
        }
    }

    /** Whether a request need not wait: then there is nothing to share out. */
    private boolean isFree(ThrottleState state, long now) {
        return state.readyAt(direction, now) == now;
    }

    private void book(BlockIo io, ThrottleState state) {
        long now = thread.now();
        long at = state.book(direction, io.byteCount(), now);
        if (at == now || draining) {
            next.submit(io);
            return;
        }
        hold(io);
        booked = state;
        bookedAt = at;
        if (turn.isNeeded()) {
            turn.take(this); // where another was faster, there is one more booked, this once
        }
        alarm.set(at);
    }

    private void hold(BlockIo io) {
        countTime();
        if (held.isEmpty()) {
            toldUntil = countedUntil;
        }
        untold++;
        counters.increment(direction == ThrottleDirection.READ ? ThrottleCounter.HELD_READS : ThrottleCounter.HELD_WRITES);
        held.add(io);
    }

    private BlockIo takeHeld() {
        countTime();
        booked = null;
        BlockIo io = held.remove();
        if (held.isEmpty() || countedUntil - toldUntil >= TELL_NS) {
            FlightEvents.throttle(group.name(), direction == ThrottleDirection.WRITE, countedUntil - toldUntil, untold);
            toldUntil = countedUntil;
            untold = 0;
        }
        return io;
    }

    private void countTime() {
        long now = thread.now();
        counters.add(direction == ThrottleDirection.READ ? ThrottleCounter.HELD_READ_NS : ThrottleCounter.HELD_WRITE_NS,
            held.size() * (now - countedUntil));
        countedUntil = now;
    }

    /** Has it look at what it holds anew, soon: limits have changed, or it has got the turn. Any thread. */
    boolean wake() {
        return thread.execute(this);
    }

    /** It may be time for the first that is held. */
    @Override
    public void run() {
        pump();
    }

    private void pump() {
        if (pumping) {
            return; // called by a request that is being let go
        }
        pumping = true;
        try {
            while (!held.isEmpty() && isFirstDue()) {
                turnUsed = true;
                takeHeld().passTo(next);
            }
        } finally {
            pumping = false;
        }
        if (held.isEmpty()) {
            turn.leave(this);
        }
    }

    private boolean isFirstDue() {
        ThrottleState state = group.state();
        if (!state.limits(direction)) {
            return true;
        }
        long now = thread.now();
        if (booked != state) {
            if (turn.isNeeded() && !hasTurn(state, now)) {
                return false;
            }
            bookedAt = state.book(direction, held.first().byteCount(), now);
            booked = state;
        }
        if (bookedAt - now <= 0) {
            return true;
        }
        alarm.set(bookedAt);
        return false;
    }

    /** Whether it may book; if not, it is woken when it may. */
    private boolean hasTurn(ThrottleState state, long now) {
        if (!turn.isOf(this)) {
            turnUsed = false;
            waitsForTurn = true;
            return turn.take(this);
        }
        if (waitsForTurn) {
            waitsForTurn = false; // given, not taken
            turnUsed = false;
        }
        return !turnUsed || isFree(state, now) || !turn.passOn(this);
    }

    /** Lets all go that is held. They are counted nevertheless, and later ones wait for it: a drain is no way around a limit. */
    void beginDrain() {
        draining = true;
        alarm.cancel();
        while (!held.isEmpty()) {
            ThrottleState state = group.state();
            if (booked != state) {
                state.book(direction, held.first().byteCount(), thread.now());
            }
            takeHeld().passTo(next);
        }
        turn.leave(this);
    }

    void endDrain() {
        draining = false;
    }

    /** With nothing held. */
    void close() {
        alarm.cancel();
        turn.remove(this);
    }
}
