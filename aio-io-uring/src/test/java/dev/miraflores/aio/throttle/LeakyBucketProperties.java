// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

/** The arithmetic alone, where time is what the test says it is. */
class LeakyBucketProperties {

    private static final long SECOND = 1_000_000_000L;

    /** From one unit per second to the highest rate there is, with requests from a byte to 2 GiB; however often somebody looks. */
    @Property(tries = 500)
    void shouldKeepToItsRate(
            @ForAll @LongRange(min = 0, max = 150) long rateTenths, @ForAll @LongRange(min = 0, max = 31) long sizeBits,
            @ForAll long seed) {
        Random random = new Random(seed);
        double rate = Math.pow(10, rateTenths / 10.0);
        double most = Math.pow(2, sizeBits);
        long start = random.nextLong(); // nanoTime may be anything, and wrap around
        LeakyBucket bucket = new LeakyBucket(rate, rate / 10, start);
        double units = 0;
        long now = start;
        for (int i = 0; i < 2000 && units < rate * 1e8; i++) {
            long at = bucket.readyAt();
            if (at - now > 0) {
                now = at;
            }
            double next = 1 + random.nextInt((int) Math.min(most, Integer.MAX_VALUE));
            assertTrue(bucket.book(next, now) - now <= 0, "it was ready");
            units += next;
            for (int look = random.nextInt(3); look > 0; look--) {
                bucket.readyAt();
            }
        }
        // What has gone is in the bucket or has leaked, at the rate, to a nanosecond for each request and one in a billion.
        double expectedNs = units / rate * SECOND;
        double actualNs = (double) (bucket.readyAt() - start) + 0.1 * SECOND;
        assertEquals(expectedNs, actualNs, 10 + expectedNs * 1e-6);
    }

    @Property(tries = 200)
    void shouldLetThroughWhatItsSizeIsAndOneMore(
            @ForAll @LongRange(min = 1, max = 1_000_000) long rate, @ForAll @LongRange(min = 1, max = 1000) long size) {
        LeakyBucket bucket = new LeakyBucket(rate, size, 7);
        long through = 0;
        while (bucket.book(1, 7) <= 7) {
            through++;
        }
        assertEquals(size + 1, through, 1);
        // Each that was booked behind them has its time, one after the other.
        assertEquals(bucket.readyAt() - 7, SECOND / (double) rate * (through + 1 - size), SECOND / (double) rate + 2);
    }

    /** Idle time beyond the bucket's size buys nothing. */
    @Test
    void shouldNotSaveUpMoreThanItsSize() {
        LeakyBucket bucket = new LeakyBucket(1000, 100, 0);
        long now = 3600 * SECOND;
        int through = 0;
        while (bucket.book(1, now) <= now) {
            through++;
        }
        assertEquals(101, through);
    }

    /** Hundreds of years' worth of units neither overflow nor keep anybody for longer than 73 years. */
    @Test
    void shouldNotOverflow() {
        LeakyBucket bucket = new LeakyBucket(1, 0.1, Long.MAX_VALUE - 5);
        long now = Long.MAX_VALUE - 5;
        for (int i = 0; i < 100; i++) {
            bucket.book(Integer.MAX_VALUE, now);
            long wait = bucket.readyAt() - now;
            assertTrue(wait > 0 && wait <= LeakyBucket.FOREVER_NS, "waits " + wait);
        }
        LeakyBucket large = new LeakyBucket(1, 1e15, 0);
        assertTrue(large.book(1, 0) <= 0);
    }

    /** Several threads lose nothing between them. */
    @Test
    void shouldCountForManyThreads() throws InterruptedException {
        double rate = 3e9; // a third of a nanosecond each
        LeakyBucket bucket = new LeakyBucket(rate, rate, 0);
        Thread[] threads = new Thread[4];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = Thread.ofPlatform().start(() -> {
                for (int n = 0; n < 300_000; n++) {
                    bucket.book(1, 0);
                }
            });
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(400_000, bucket.readyAt() + SECOND, 2);
    }
}
