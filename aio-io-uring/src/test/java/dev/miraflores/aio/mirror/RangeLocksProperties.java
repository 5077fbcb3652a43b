// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class RangeLocksProperties {

    private static final class Range extends RangeLocks.Holder {
        final long start;
        final long end;
        boolean has;

        Range(long start, long end) {
            this.start = start;
            this.end = end;
        }

        boolean overlaps(Range other) {
            return start < other.end && other.start < end;
        }

        @Override
        void granted() {
            has = true;
        }
    }

    /** Against the rule itself: one has its range when no earlier one that overlaps it is still there. */
    @Property(tries = 100)
    void shouldGrantInTheOrderOfComingWhateverOverlaps(@ForAll long seed) {
        Random random = new Random(seed);
        RangeLocks locks = new RangeLocks();
        List<Range> present = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            if (random.nextInt(5) < 3) {
                long start = random.nextInt(60);
                Range range = new Range(start, start + 1 + random.nextInt(10));
                present.add(range);
                range.has = locks.acquire(range, range.start, range.end);
            } else {
                List<Range> having = present.stream().filter(range -> range.has).toList();
                if (!having.isEmpty()) {
                    Range done = having.get(random.nextInt(having.size()));
                    present.remove(done);
                    locks.release(done);
                }
            }
            for (int j = 0; j < present.size(); j++) {
                Range range = present.get(j);
                assertEquals(present.subList(0, j).stream().noneMatch(range::overlaps), range.has);
            }
        }
    }

    @Example
    void shouldGrantEverythingOnceAbolished() {
        RangeLocks locks = new RangeLocks();
        Range first = new Range(0, 10);
        Range second = new Range(5, 15);
        Range third = new Range(7, 8);
        assertTrue(locks.acquire(first, 0, 10));
        assertFalse(locks.acquire(second, 5, 15));
        assertFalse(locks.acquire(third, 7, 8));
        locks.abolish();
        assertTrue(second.has && third.has);
        Range late = new Range(0, 20);
        assertTrue(locks.acquire(late, 0, 20));
        for (Range range : List.of(first, second, third, late)) {
            locks.release(range);
        }
    }
}
