// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * Takes events to whoever listens. What a guest can cause as fast as it likes is told once a second for each disk, as in
 * QEMU: a guest must not be able to bury a client in events.
 * <p>Thread: any; listeners are called on the thread that an event comes from, one after the other, and must not wait.
 */
public final class EventHub {

    /** The events that {@code query-events} tells of. */
    public static final List<String> NAMES = List.of("BALLOON_CHANGE", "BLOCK_IO_ERROR", "BLOCK_JOB_CANCELLED", "BLOCK_JOB_COMPLETED",
            "BLOCK_JOB_ERROR", "BLOCK_JOB_READY", "DEVICE_DELETED", "GUEST_PANICKED", "JOB_STATUS_CHANGE", "NIC_RX_FILTER_CHANGED",
            "POWERDOWN", "RESET", "RESUME", "SHUTDOWN", "STOP", "VSERPORT_CHANGE");

    private static final long MIN_PERIOD_NS = 1_000_000_000L;

    private final List<Consumer<MonitorEvent>> listeners = new CopyOnWriteArrayList<>();
    private final Map<String, Long> lastTold = new HashMap<>();

    void add(Consumer<MonitorEvent> listener) {
        listeners.add(listener);
    }

    void remove(Consumer<MonitorEvent> listener) {
        listeners.remove(listener);
    }

    void tell(String name, Map<String, Object> data) {
        // One at a time, so that all hear of them in the same order.
        synchronized (listeners) {
            MonitorEvent event = new MonitorEvent(name, data, Instant.now());
            for (Consumer<MonitorEvent> listener : listeners) {
                listener.accept(event);
            }
        }
    }

    /** As {@link #tell}, unless one of the same kind was told within the last second. */
    void tellLimited(String name, String about, Map<String, Object> data) {
        long now = System.nanoTime();
        synchronized (lastTold) {
            Long last = lastTold.get(about);
            if (last != null && now - last < MIN_PERIOD_NS) {
                return;
            }
            lastTold.put(about, now);
        }
        tell(name, data);
    }

    /** Whatever {@code about} was will not be heard of again. */
    void forget(String about) {
        synchronized (lastTold) {
            lastTold.remove(about);
        }
    }
}
