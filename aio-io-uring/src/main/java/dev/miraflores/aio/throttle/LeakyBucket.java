// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A bucket that leaks at a constant rate, and that each request pours its units into. While there is more in it than its size,
 * requests wait. A request that does not wait may fill it beyond its size: so any request gets through, however large, and
 * those after it wait the longer.
 * <p>What is in it is kept as the time when it will be empty, and its size as the time that it takes to leak: then nothing has
 * to be done as time goes by, no rounding adds up however often somebody looks, and one number is all that threads share.
 * <pre>
 *            now                   readyAt             emptyAt
 *   ----------|-----------------------|-------------------|-------&gt; ns
 *             |   requests wait       |&lt;---  sizeNs  ---&gt;|      level = (emptyAt − now) · rate </pre>
 * <p>Thread: any.
 * <p>Source: "leaky bucket as a meter", as QEMU's docs/throttle.txt describes it; kept as in the generic cell rate algorithm
 * (ITU-T I.371).
 */
final class LeakyBucket {

    static final double NS_PER_SECOND = 1e9;
    /** 73 years: nobody waits longer, and sums and differences of two stay within a long. */
    static final long FOREVER_NS = 1L << 61;

    private static final int FRACTION_BITS = 32;
    private static final long FRACTION_MASK = (1L << FRACTION_BITS) - 1;

    private static final VarHandle EMPTY_AT;
    private static final VarHandle FRACTION;

    static {
        try {
            EMPTY_AT = MethodHandles.lookup().findVarHandle(LeakyBucket.class, "emptyAt", long.class);
            FRACTION = MethodHandles.lookup().findVarHandle(LeakyBucket.class, "fraction", long.class);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private final double nsPerUnit;
    private final long sizeNs;
    private volatile long emptyAt;
    /** Of a nanosecond, what {@code emptyAt} has no room for: at high rates a request is less than one. */
    private volatile long fraction;

    /**
     * An empty one.
     *
     * @param rate units that leak per second
     * @param size units
     */
    LeakyBucket(double rate, double size, long now) {
        this.nsPerUnit = NS_PER_SECOND / rate;
        this.sizeNs = (long) Math.min(size * nsPerUnit, FOREVER_NS);
        this.emptyAt = now;
    }

    /** From when on a request does not wait; may be past. */
    long readyAt() {
        return emptyAt - sizeNs;
    }

    /** Pours a request's units in, and answers from when on it may go on its way, which may be past. */
    long book(double units, long now) {
        long costNs = costNs(units);
        while (true) {
            long end = emptyAt;
            long from = Math.max(end - now, 0);
            long next = now + Math.min(from + costNs, FOREVER_NS);
            if (EMPTY_AT.compareAndSet(this, end, next)) {
                return end - sizeNs;
            }
        }
    }

    private long costNs(double units) {
        double cost = units * nsPerUnit;
        if (cost >= FOREVER_NS) {
            return FOREVER_NS;
        }
        long whole = (long) cost;
        long part = (long) ((cost - whole) * (1L << FRACTION_BITS));
        if (part != 0) {
            long before = (long) FRACTION.getAndAdd(this, part);
            whole += (before & FRACTION_MASK) + part >>> FRACTION_BITS;
        }
        return whole;
    }
}
