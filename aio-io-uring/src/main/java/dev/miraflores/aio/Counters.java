// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Numbers that one thread counts and any thread reads, at the price of plain memory.
 * <p>Thread: {@code increment} and {@code add}, one; {@code get}, any, which sees each number whole and never going
 * back, but not several as of the same instant.
 */
public final class Counters<E extends Enum<E>> {

    /** Keeps neighbours' numbers out of our cache lines: 64 bytes on either side. */
    private static final int PADDING = 8;

    private final AtomicLongArray values;

    /**
     * @param count how many constants {@code E} has
     */
    public Counters(int count) {
        this.values = new AtomicLongArray(count + 2 * PADDING);
    }

    public void increment(E counter) {
        add(counter, 1);
    }

    public void add(E counter, long amount) {
        int i = PADDING + counter.ordinal();
        // Opaque: no other thread writes, so the load can be plain, and readers need no order, only whole numbers.
        values.setOpaque(i, values.getPlain(i) + amount);
    }

    public long get(E counter) {
        return values.getOpaque(PADDING + counter.ordinal());
    }
}
