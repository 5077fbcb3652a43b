// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * How long to look for work before sleeping: as long as waits of late have been, up to a limit; not at all when they have
 * been longer than that. The rule is QEMU's for its iothreads.
 * <p>Thread: the I/O thread; the limit, any.
 */
final class PollTime {

    /** Where it starts when waits turn out short enough: about what a wake-up costs. */
    private static final long FIRST_NS = 4_000;

    private volatile long maxNs;
    private final int grow;
    private final int shrink;
    private long ns;

    /**
     * @param maxNs  0 never polls
     * @param grow   what the time is multiplied by; 0 is the usual 2
     * @param shrink what it is divided by; 0 drops it to nothing at once
     */
    PollTime(long maxNs, int grow, int shrink) {
        this.maxNs = maxNs;
        this.grow = grow == 0 ? 2 : grow;
        this.shrink = shrink;
    }

    /** For how long to poll now. */
    long ns() {
        return ns;
    }

    void setMax(long maxNs) {
        this.maxNs = maxNs;
    }

    /** A wait is over that took {@code waitedNs}, polling included. */
    void waited(long waitedNs) {
        long max = maxNs;
        if (max == 0) {
            ns = 0;
        } else if (waitedNs > max) {
            ns = shrink == 0 ? 0 : ns / shrink;
        } else if (waitedNs > ns) {
            ns = Math.min(max, ns == 0 ? FIRST_NS : ns * grow);
        }
    }
}
