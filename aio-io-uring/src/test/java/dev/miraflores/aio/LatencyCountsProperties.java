// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is counted here in plain memory is what HdrHistogram would have made of the same values. */
class LatencyCountsProperties {

    @Property
    void shouldCountAsHdrHistogramDoes(@ForAll List<@LongRange(max = LatencyCounts.MAX_NS) Long> values) {
        LatencyCounts counts = new LatencyCounts();
        Histogram expected = new Histogram(1, LatencyCounts.MAX_NS, 2);
        for (long ns : values) {
            counts.record(ns);
            expected.recordValue(ns);
        }
        Histogram histogram = counts.histogram();

        assertEquals(expected, histogram);
        assertEquals(values.size(), histogram.getTotalCount());
        for (double percentile : new double[] {0, 50, 99, 99.9, 100}) {
            assertEquals(expected.getValueAtPercentile(percentile), histogram.getValueAtPercentile(percentile));
        }
    }

    @Property
    void shouldBeWithinAPercent(@ForAll @LongRange(max = LatencyCounts.MAX_NS) long ns) {
        LatencyCounts counts = new LatencyCounts();
        counts.record(ns);
        long told = counts.histogram().getMaxValue();

        assertTrue(told >= ns && told - ns <= ns / 100, told + " for " + ns);
    }

    @Test
    void shouldHaveAPlaceForEachValueThatBordersOnAnother() {
        for (int index = 0; index < LatencyCounts.COUNTS; index++) {
            assertEquals(index, LatencyCounts.index(LatencyCounts.value(index)));
            if (index != 0) {
                assertEquals(index - 1, LatencyCounts.index(LatencyCounts.value(index) - 1));
            }
        }
    }

    @Test
    void shouldCountWhatIsTooLongAsTheLongest() {
        LatencyCounts counts = new LatencyCounts();
        counts.record(LatencyCounts.MAX_NS + 1);
        counts.record(Long.MAX_VALUE);

        assertEquals(2, counts.histogram().getTotalCount());
        assertEquals(LatencyCounts.MAX_NS, counts.histogram().getMaxValue());
    }

    @Test
    void shouldBeEmptyAtFirst() {
        assertEquals(0, new LatencyCounts().histogram().getTotalCount());
    }

    @Test
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void shouldBeReadWhileItCounts() throws InterruptedException {
        int values = 200_000;
        LatencyCounts counts = new LatencyCounts();
        AtomicBoolean ended = new AtomicBoolean();
        Thread writer = new Thread(() -> {
            for (int i = 0; i < values; i++) {
                counts.record(i);
            }
            ended.set(true);
        });
        writer.start();
        long before = 0;
        while (!ended.get()) {
            long now = counts.histogram().getTotalCount();
            assertTrue(now >= before, now + " after " + before);
            before = now;
        }
        writer.join();
        assertEquals(values, counts.histogram().getTotalCount());
        assertEquals(values - 1, counts.histogram().getMaxValue(), values / 100.0);
    }
}
