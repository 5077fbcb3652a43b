// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * Runs an action on an I/O thread when it is time. Made by {@link IoThread#timer}, set as often as need be; setting it
 * allocates nothing, but where more timers of the thread are set at once than ever before.
 * <p>Thread: its I/O thread.
 */
public final class IoTimer {

    static final int NOT_SET = -1;

    private final TimerHeap heap;
    final Runnable action;
    /** What {@link System#nanoTime} shows when it is time. */
    long deadlineNs;
    /** Its place in the heap. */
    int index = NOT_SET;

    IoTimer(TimerHeap heap, Runnable action) {
        this.heap = heap;
        this.action = action;
    }

    /**
     * Runs the action once, at {@code deadlineNs} or soon after, instead of when it was set for before.
     *
     * @param deadlineNs as {@link System#nanoTime} counts, less than 292 years away; what is past is due at once
     */
    public void set(long deadlineNs) {
        heap.set(this, deadlineNs);
    }

    /** It no longer runs. Where it is not set, does nothing. */
    public void cancel() {
        heap.remove(this);
    }

    /** Whether it is still to run. */
    public boolean isSet() {
        return index != NOT_SET;
    }
}
