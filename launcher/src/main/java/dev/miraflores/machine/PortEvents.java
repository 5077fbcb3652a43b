// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.console.PortListener;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Takes what the guest does with ports to the thread that tells listeners. A guest can open and close as fast as it likes: of
 * what happens while one event waits to be told, only what comes of it is told.
 * <p>Thread: any.
 */
final class PortEvents implements PortListener {

    private final DeviceEvents thread;
    private final MachineListener listeners;
    private final Map<String, Boolean> told = new HashMap<>();
    private Map<String, Boolean> waiting = new LinkedHashMap<>();

    /** @param thread on which {@code listeners} are told */
    PortEvents(DeviceEvents thread, MachineListener listeners) {
        this.thread = thread;
        this.listeners = listeners;
    }

    @Override
    public void guestChanged(String id, boolean open) {
        boolean first;
        synchronized (this) {
            first = waiting.isEmpty();
            waiting.put(id, open);
        }
        if (first) {
            thread.tell(this::tellAll);
        }
    }

    private void tellAll() {
        Map<String, Boolean> now;
        synchronized (this) {
            now = waiting;
            waiting = new LinkedHashMap<>();
        }
        now.forEach((id, open) -> {
            if (!open.equals(told.put(id, open))) {
                listeners.portChanged(id, open);
            }
        });
    }
}
