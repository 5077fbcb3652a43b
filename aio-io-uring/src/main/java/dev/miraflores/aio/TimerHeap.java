// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.Arrays;

/**
 * Timers that are set, as a binary heap by deadline: that of element i is not after those of 2i+1 and 2i+2. Deadlines
 * are compared by their difference, as {@link System#nanoTime} may wrap.
 * <p>Thread: the I/O thread.
 */
final class TimerHeap {

    private static final int FIRST_CAPACITY = 16;

    private IoTimer[] timers = new IoTimer[FIRST_CAPACITY];
    private int size;

    int size() {
        return size;
    }

    /** How long there is from {@code nowNs} until the first is due: 0 where it is, for ever where there is none. */
    long untilFirst(long nowNs) {
        return size == 0 ? EventPort.NO_TIMEOUT : Math.max(0, timers[0].deadlineNs - nowNs);
    }

    /** Takes the first where it is due, or answers {@code null}. */
    IoTimer takeDue(long nowNs) {
        if (size == 0 || timers[0].deadlineNs - nowNs > 0) {
            return null;
        }
        IoTimer first = timers[0];
        remove(first);
        return first;
    }

    void set(IoTimer timer, long deadlineNs) {
        if (timer.index == IoTimer.NOT_SET) {
            if (size == timers.length) {
                timers = Arrays.copyOf(timers, 2 * size);
            }
            timer.deadlineNs = deadlineNs;
            rise(timer, size++);
        } else {
            timer.deadlineNs = deadlineNs;
            move(timer, timer.index);
        }
    }

    void remove(IoTimer timer) {
        int hole = timer.index;
        if (hole == IoTimer.NOT_SET) {
            return;
        }
        timer.index = IoTimer.NOT_SET;
        IoTimer last = timers[--size];
        timers[size] = null;
        if (last != timer) {
            move(last, hole);
        }
    }

    /** Puts {@code timer} at {@code index} or wherever up or down from there it belongs. */
    private void move(IoTimer timer, int index) {
        if (index > 0 && isBefore(timer, timers[parent(index)])) {
            rise(timer, index);
        } else {
            sink(timer, index);
        }
    }

    private void rise(IoTimer timer, int from) {
        int index = from;
        while (index > 0 && isBefore(timer, timers[parent(index)])) {
            put(timers[parent(index)], index);
            index = parent(index);
        }
        put(timer, index);
    }

    private void sink(IoTimer timer, int from) {
        int index = from;
        while (true) {
            int child = 2 * index + 1;
            if (child + 1 < size && isBefore(timers[child + 1], timers[child])) {
                child++;
            }
            if (child >= size || !isBefore(timers[child], timer)) {
                break;
            }
            put(timers[child], index);
            index = child;
        }
        put(timer, index);
    }

    private void put(IoTimer timer, int index) {
        timers[index] = timer;
        timer.index = index;
    }

    private static int parent(int index) {
        return (index - 1) / 2;
    }

    private static boolean isBefore(IoTimer a, IoTimer b) {
        return a.deadlineNs - b.deadlineNs < 0;
    }
}
