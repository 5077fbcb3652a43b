// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import java.util.Arrays;

/**
 * What a guest has said of its memory, once. It may say anything.
 * <p>Thread: any; never changes.
 */
public final class BalloonStatistics {

    /** What {@link #get} answers for what the guest did not tell. */
    public static final long UNKNOWN = -1;

    /** Before a guest has told anything. */
    public static final BalloonStatistics NONE = new BalloonStatistics(0, unknown());

    private final long lastUpdate;
    private final long[] values;

    /** @param values by the statistics' tags; not changed any more */
    BalloonStatistics(long lastUpdate, long[] values) {
        this.lastUpdate = lastUpdate;
        this.values = values;
    }

    /** Values of which none is known yet. */
    static long[] unknown() {
        long[] values = new long[BalloonStatistic.values().length];
        Arrays.fill(values, UNKNOWN);
        return values;
    }

    /** When it was told, in seconds since 1970; 0 for never. */
    public long lastUpdate() {
        return lastUpdate;
    }

    /** Unsigned; or {@link #UNKNOWN}. */
    public long get(BalloonStatistic statistic) {
        return values[statistic.ordinal()];
    }
}
