// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.devices.net.NetEvents;
import dev.miraflores.devices.net.VirtioNetDevice;
import dev.miraflores.machine.Nic;
import dev.miraflores.monitor.json.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The machine's network interfaces.
 * <p>Thread: any.
 */
public final class Networks implements NetEvents {

    private final MonitoredMachine machine;
    private final EventHub events;
    /** Those of which it was told that their filters have changed, and nobody has asked since. */
    private final Set<String> told = ConcurrentHashMap.newKeySet();

    Networks(MonitoredMachine machine, EventHub events) {
        this.machine = machine;
        this.events = events;
        for (Nic nic : machine.nics()) {
            nic.device().setEvents(this);
        }
    }

    /** One more is in. */
    void added(String id) {
        for (Nic nic : machine.nics()) {
            if (nic.id().equals(id)) {
                nic.device().setEvents(this);
            }
        }
    }

    void forget(String id) {
        told.remove(id);
    }

    public List<Nic> all() {
        return machine.nics();
    }

    /** @throws MonitorException where there is none of that name */
    public Nic find(String name) {
        for (Nic nic : machine.nics()) {
            if (nic.id().equals(name)) {
                return nic;
            }
        }
        throw new MonitorException(ErrorClass.DEVICE_NOT_FOUND, "Device '" + name + "' not found");
    }

    /** One, or all where {@code name} is null. What was told of their filters may be told again. */
    public List<Nic> looked(String name) {
        List<Nic> nics = name == null ? all() : List.of(find(name));
        for (Nic nic : nics) {
            told.remove(nic.id());
        }
        return nics;
    }

    public void setLink(String name, boolean up) {
        find(name).setLinkUp(up);
    }

    /** Has guests say where they are: those of all interfaces, or of the named ones. */
    public void announce(List<String> names) {
        List<Nic> nics = new ArrayList<>();
        for (String name : names) {
            nics.add(find(name));
        }
        for (Nic nic : names.isEmpty() ? all() : nics) {
            nic.announce();
        }
    }

    /** As in QEMU: once, until somebody has looked, since a guest may do it as often as it likes. */
    @Override
    public void filterChanged(VirtioNetDevice device) {
        if (told.add(device.id())) {
            events.tell("NIC_RX_FILTER_CHANGED", Json.object("name", device.id(), "path", Disks.backendPath(device.id())));
        }
    }
}
