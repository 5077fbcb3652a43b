// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;

/** Against a map of who is due when: whatever is set, moved and cancelled, the earliest comes first, also across the wrap. */
class TimerHeapProperties {

    private static final int TIMERS = 40;
    private static final Runnable NOTHING = new Runnable() {
        @Override
        public void run() {
        }
    };

    /** @param verb 0 to 3 sets, 4 cancels, 5 lets time pass */
    private record Step(int verb, int timer, long delayNs) {
    }

    @Provide
    Arbitrary<Step> steps() {
        return Combinators.combine(Arbitraries.integers().between(0, 5), Arbitraries.integers().between(0, TIMERS - 1),
            Arbitraries.longs().between(-5, 200)).as(Step::new);
    }

    @Property(tries = 500)
    void shouldRunWhatIsDueInTheOrderOfDeadlines(
            @ForAll("starts") long start, @ForAll @Size(max = 200) List<@net.jqwik.api.From("steps") Step> steps) {
        TimerHeap heap = new TimerHeap();
        IoTimer[] timers = new IoTimer[TIMERS];
        for (int i = 0; i < TIMERS; i++) {
            timers[i] = new IoTimer(heap, NOTHING);
        }
        Map<IoTimer, Long> model = new HashMap<>();
        long now = start;
        for (Step step : steps) {
            IoTimer timer = timers[step.timer];
            if (step.verb <= 3) {
                timer.set(now + step.delayNs);
                model.put(timer, now + step.delayNs);
            } else if (step.verb == 4) {
                timer.cancel();
                model.remove(timer);
            } else {
                now += Math.max(0, step.delayNs);
                takeAllDue(heap, model, now);
            }
            check(heap, timers, model, now);
        }
        takeAllDue(heap, model, now + 1000);
        assertEquals(0, heap.size());
    }

    @Provide
    Arbitrary<Long> starts() {
        return Arbitraries.of(0L, Long.MAX_VALUE - 100, Long.MIN_VALUE, -50L, Long.MAX_VALUE);
    }

    private static void takeAllDue(TimerHeap heap, Map<IoTimer, Long> model, long now) {
        for (IoTimer due; (due = heap.takeDue(now)) != null; ) {
            assertFalse(due.isSet());
            Long deadline = model.remove(due);
            assertNotNull(deadline);
            for (long other : model.values()) {
                assertFalse(other - deadline < 0, "one that was due earlier is still waiting");
            }
        }
        for (long other : model.values()) {
            assertFalse(other - now <= 0, "one that is due is still waiting");
        }
    }

    private static void check(TimerHeap heap, IoTimer[] timers, Map<IoTimer, Long> model, long now) {
        assertEquals(model.size(), heap.size());
        for (IoTimer timer : timers) {
            assertEquals(model.containsKey(timer), timer.isSet());
        }
        if (model.isEmpty()) {
            assertNull(heap.takeDue(now));
            assertEquals(EventPort.NO_TIMEOUT, heap.untilFirst(now));
        } else {
            long wait = Long.MAX_VALUE;
            for (long deadline : model.values()) {
                wait = Math.min(wait, deadline - now);
            }
            assertEquals(Math.max(0, wait), heap.untilFirst(now));
        }
    }
}
