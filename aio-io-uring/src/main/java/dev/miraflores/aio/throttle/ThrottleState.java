// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import java.util.Arrays;

/**
 * A group's limits at work: the buckets, which all its disks share. Time is whatever the callers say it is.
 * <p>A limit is a bucket that leaks at its rate. Without bursts its size is a tenth of a second's units, since otherwise
 * every other request would wait; with bursts, it is what a burst amounts to. Where a burst may take longer than a second, a
 * second bucket, which leaks at the burst's rate, keeps it to that.
 * <p>Thread: any.
 * <p>Lifetime: until the group's limits are changed; then buckets are new, and empty.
 * <p>Source: util/throttle.c of QEMU, for the sizes.
 */
final class ThrottleState {

    /** The share of a second's units that may come at once where no burst is configured, or within a long one. */
    private static final double SMOOTHING = 0.1;
    private static final LeakyBucket[] NONE = {};

    private final ThrottleConfig config;
    private final long iopsSize;
    private final LeakyBucket[][] byteBuckets;
    private final LeakyBucket[][] operationBuckets;

    ThrottleState(ThrottleConfig config, long now) {
        this.config = config;
        this.iopsSize = config.iopsSize();
        int directions = ThrottleDirection.values().length;
        this.byteBuckets = new LeakyBucket[directions][];
        this.operationBuckets = new LeakyBucket[directions][];
        Arrays.fill(byteBuckets, NONE);
        Arrays.fill(operationBuckets, NONE);
        for (ThrottleKind kind : ThrottleKind.values()) {
            ThrottleLimit limit = config.limit(kind);
            if (limit.isSet()) {
                add(kind, buckets(limit, now));
            }
        }
    }

    private static LeakyBucket[] buckets(ThrottleLimit limit, long now) {
        if (limit.max() == 0) {
            return new LeakyBucket[] {new LeakyBucket(limit.rate(), limit.rate() * SMOOTHING, now)};
        }
        LeakyBucket whole = new LeakyBucket(limit.rate(), (double) limit.max() * limit.maxLengthSeconds(), now);
        if (limit.maxLengthSeconds() == 1) {
            return new LeakyBucket[] {whole};
        }
        return new LeakyBucket[] {whole, new LeakyBucket(limit.max(), limit.max() * SMOOTHING, now)};
    }

    private void add(ThrottleKind kind, LeakyBucket[] buckets) {
        LeakyBucket[][] to = kind.isOfBytes() ? byteBuckets : operationBuckets;
        for (ThrottleDirection direction : ThrottleDirection.values()) {
            if (kind.isOf(direction)) {
                to[direction.ordinal()] = concat(to[direction.ordinal()], buckets);
            }
        }
    }

    private static LeakyBucket[] concat(LeakyBucket[] first, LeakyBucket[] second) {
        LeakyBucket[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    ThrottleConfig config() {
        return config;
    }

    /** Whether any limit is for requests of {@code direction}. */
    boolean limits(ThrottleDirection direction) {
        return byteBuckets[direction.ordinal()].length + operationBuckets[direction.ordinal()].length != 0;
    }

    /** When a request may go on its way that was {@linkplain #book booked} now: {@code now}, or later. */
    long readyAt(ThrottleDirection direction, long now) {
        long waitNs = 0;
        for (LeakyBucket bucket : byteBuckets[direction.ordinal()]) {
            waitNs = Math.max(waitNs, bucket.readyAt() - now);
        }
        for (LeakyBucket bucket : operationBuckets[direction.ordinal()]) {
            waitNs = Math.max(waitNs, bucket.readyAt() - now);
        }
        return now + waitNs;
    }

    /**
     * Counts a request, and answers when it may go on its way: {@code now}, or later. It takes its place behind all that were
     * booked before.
     */
    long book(ThrottleDirection direction, long byteCount, long now) {
        long waitNs = 0;
        for (LeakyBucket bucket : byteBuckets[direction.ordinal()]) {
            waitNs = Math.max(waitNs, bucket.book(byteCount, now) - now);
        }
        LeakyBucket[] buckets = operationBuckets[direction.ordinal()];
        if (buckets.length != 0) {
            double operations = iopsSize != 0 && byteCount > iopsSize ? (double) byteCount / iopsSize : 1;
            for (LeakyBucket bucket : buckets) {
                waitNs = Math.max(waitNs, bucket.book(operations, now) - now);
            }
        }
        return now + waitNs;
    }
}
