// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

/**
 * A limit of one kind, in bytes or operations.
 *
 * @param rate             per second in the long run; 0 is no limit
 * @param max              per second in a burst; 0 is no burst
 * @param maxLengthSeconds for how long a burst may go on from rest, 1 or more; with 1, its {@code max} units may come all
 *                         at once
 */
public record ThrottleLimit(long rate, long max, long maxLengthSeconds) {

    /** No limit. */
    public static final ThrottleLimit NONE = new ThrottleLimit(0, 0, 1);

    /** The highest rate, and most units in a burst: as whole numbers they are exact in a double. */
    public static final long MOST = 1_000_000_000_000_000L;

    /** @throws IllegalArgumentException where the values do not go together; the message says which */
    public ThrottleLimit {
        if (rate < 0 || rate > MOST || max < 0 || max > MOST) {
            throw new IllegalArgumentException("bps/iops/max values must be within [0, " + MOST + "]");
        }
        if (maxLengthSeconds <= 0) {
            throw new IllegalArgumentException("the burst length cannot be 0");
        }
        if (maxLengthSeconds > 1 && max == 0) {
            throw new IllegalArgumentException("burst length set without burst rate");
        }
        if (max != 0 && maxLengthSeconds > MOST / max) {
            throw new IllegalArgumentException("burst length too high for this burst rate");
        }
        if (max != 0 && rate == 0) {
            throw new IllegalArgumentException("bps_max/iops_max require corresponding bps/iops values");
        }
        if (max != 0 && max < rate) {
            throw new IllegalArgumentException("bps_max/iops_max cannot be lower than bps/iops");
        }
    }

    /** Without bursts. */
    public static ThrottleLimit of(long rate) {
        return new ThrottleLimit(rate, 0, 1);
    }

    /** With bursts of {@code max} units. */
    public static ThrottleLimit of(long rate, long max) {
        return new ThrottleLimit(rate, max, 1);
    }

    /** Whether there is a limit at all. */
    public boolean isSet() {
        return rate != 0;
    }
}
