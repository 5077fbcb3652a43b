// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.concurrent.atomic.AtomicLongArray;
import org.HdrHistogram.Histogram;

/**
 * How many things took how long, counted by one thread at the price of plain memory, and read by any as a {@link Histogram}.
 * <p>The counts are laid out as an HdrHistogram of two digits has them, from 1 ns on: up to 256 ns each value has its own, and
 * from there on each power of two has 128. What took longer than {@link #MAX_NS} counts as that.
 * <p>HdrHistogram's own recorders for one writer take two locked instructions a value, so that a reader can have a histogram
 * that is of one instant. Here it may miss the values of the last moment, as {@link Counters} may.
 * <p>Thread: {@code record}, one; {@code histogram}, any.
 */
public final class LatencyCounts {

    /** 73 minutes. */
    public static final long MAX_NS = (1L << 42) - 1;

    private static final int DIGITS = 2;
    /** The power of two from which on values share a count with others is one more than this. */
    private static final int SUB_BITS = 7;
    private static final int SUB_COUNT = 1 << SUB_BITS;
    private static final long SUB_MASK = 2L * SUB_COUNT - 1;
    /** What is left of a long's leading zeroes for a value that is below that power of two. */
    private static final int FIRST_ZEROES = Long.SIZE - SUB_BITS - 1;
    static final int COUNTS = index(MAX_NS) + 1;

    /** 36 KB, made with the first value: most disks never see a discard, and a start has better things to do. */
    private volatile AtomicLongArray counts;

    /** With nothing counted. */
    public LatencyCounts() {
    }

    static int index(long ns) {
        int shift = FIRST_ZEROES - Long.numberOfLeadingZeros(ns | SUB_MASK);
        return (shift << SUB_BITS) + (int) (ns >>> shift);
    }

    /** The least value that is counted there. */
    static long value(int index) {
        int shift = Math.max(0, (index >>> SUB_BITS) - 1);
        return (long) (index - (shift << SUB_BITS)) << shift;
    }

    /** Counts one that took {@code ns}, which is not negative. */
    public void record(long ns) {
        AtomicLongArray all = counts;
        if (all == null) {
            all = make();
        }
        int i = index(Math.min(ns, MAX_NS));
        // Opaque: no other thread writes, so the load can be plain, and readers need no order, only whole numbers.
        all.setOpaque(i, all.getPlain(i) + 1);
    }

    private AtomicLongArray make() {
        AtomicLongArray all = new AtomicLongArray(COUNTS);
        counts = all;
        return all;
    }

    /** All that has been counted up to now, in nanoseconds. The caller's own. */
    public Histogram histogram() {
        Histogram histogram = new Histogram(1, MAX_NS, DIGITS);
        AtomicLongArray all = counts;
        for (int i = 0; all != null && i < COUNTS; i++) {
            long count = all.getOpaque(i);
            if (count != 0) {
                histogram.recordValueWithCount(value(i), count);
            }
        }
        return histogram;
    }
}
