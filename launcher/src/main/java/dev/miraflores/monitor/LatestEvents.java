// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import java.util.HashMap;
import java.util.Map;

/**
 * Events that say how something is now, which a guest can change as fast as it likes: one a second for each thing, and of
 * those that come sooner the last, when the second is over, as in QEMU.
 * <p>Thread: any; one of its own as long as an event waits.
 */
final class LatestEvents {

    private static final long PERIOD_NS = 1_000_000_000L;

    /** When it was told last, and what waits to be told: null for nothing. */
    private static final class State {
        private long toldNs;
        private Map<String, Object> waiting;
    }

    private record Key(String name, String about) {
    }

    private final EventHub events;
    private final long periodNs;
    private final Map<Key, State> states = new HashMap<>();
    private boolean running;

    LatestEvents(EventHub events) {
        this(events, PERIOD_NS);
    }

    LatestEvents(EventHub events, long periodNs) {
        this.events = events;
        this.periodNs = periodNs;
    }

    /** Tells it, now or later; {@code about} is one of a bounded number of things. */
    synchronized void tell(String name, String about, Map<String, Object> data) {
        long now = System.nanoTime();
        Key key = new Key(name, about);
        State state = states.get(key);
        if (state == null) {
            state = new State();
            state.toldNs = now - periodNs;
            states.put(key, state);
        }
        if (state.waiting == null && now - state.toldNs >= periodNs) {
            state.toldNs = now;
            events.tell(name, data);
            return;
        }
        state.waiting = data;
        if (!running) {
            running = true;
            Thread.ofPlatform().name("latest-events").daemon().start(this::run);
        }
    }

    private void run() {
        try {
            for (long leftMs = tellDue(); leftMs > 0; leftMs = tellDue()) {
                Thread.sleep(leftMs);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Tells what is due; answers how many milliseconds it is to the next, or 0 when nothing waits. */
    private synchronized long tellDue() {
        long now = System.nanoTime();
        long leftNs = Long.MAX_VALUE;
        for (Map.Entry<Key, State> entry : states.entrySet()) {
            State state = entry.getValue();
            if (state.waiting != null && now - state.toldNs >= periodNs) {
                state.toldNs = now;
                events.tell(entry.getKey().name(), state.waiting);
                state.waiting = null;
            } else if (state.waiting != null) {
                leftNs = Math.min(leftNs, periodNs - (now - state.toldNs));
            }
        }
        running = leftNs != Long.MAX_VALUE;
        return running ? leftNs / 1_000_000 + 1 : 0;
    }
}
