// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LatestEventsTest {

    private static final long PERIOD_NS = TimeUnit.MILLISECONDS.toNanos(500);

    private final EventHub hub = new EventHub();
    private final BlockingQueue<MonitorEvent> told = new LinkedBlockingQueue<>();
    private final LatestEvents events = new LatestEvents(hub, PERIOD_NS);

    LatestEventsTest() {
        hub.add(told::add);
    }

    private MonitorEvent next() throws InterruptedException {
        return told.poll(20, TimeUnit.SECONDS);
    }

    /** A storm is told once at its beginning and then as it is in the end, whatever it was in between. */
    @Test
    void shouldTellHowAStormEnds() throws InterruptedException {
        long start = System.nanoTime();
        int last = 0;
        while (System.nanoTime() - start < PERIOD_NS / 4) {
            events.tell("E", "a", Map.of("n", last++));
        }
        assertEquals(0, next().data().get("n"));
        MonitorEvent end = next();
        assertTrue(System.nanoTime() - start >= PERIOD_NS);
        assertEquals(last - 1, end.data().get("n"));
        assertNull(told.poll(2 * PERIOD_NS, TimeUnit.NANOSECONDS));
        events.tell("E", "a", Map.of("n", -1));
        assertEquals(-1, next().data().get("n"));
    }

    @Test
    void shouldKeepDifferentThingsApart() throws InterruptedException {
        events.tell("E", "a", Map.of("n", 1));
        events.tell("E", "b", Map.of("n", 2));
        events.tell("F", "a", Map.of("n", 3));
        assertEquals(1, next().data().get("n"));
        assertEquals(2, next().data().get("n"));
        assertEquals(3, next().data().get("n"));
    }
}
