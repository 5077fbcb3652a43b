// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.devices.block.ErrorPolicy;
import dev.miraflores.machine.DeviceRemoval;
import dev.miraflores.machine.DriveBuilder;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.VirtualMachine;
import dev.miraflores.monitor.json.Json;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code device_add} and {@code device_del}: ids, which are one name space, removals, and what is of disks.
 * <p>Thread: any.
 */
public final class Devices {

    private static final List<String> DRIVERS = List.of("virtio-blk-pci", "virtio-blk", "virtio-blk-pci-non-transitional");

    private final MonitoredMachine machine;
    private final BlockNodes nodes;
    private final Disks disks;
    private final Networks networks;
    private final NetDevices netdevs;
    private final EventHub events;
    /** The guest has been asked for these. */
    private final Map<String, DeviceRemoval> removals = new HashMap<>();

    Devices(MonitoredMachine machine, BlockNodes nodes, Disks disks, Networks networks, NetDevices netdevs,
            EventHub events) {
        this.machine = machine;
        this.nodes = nodes;
        this.disks = disks;
        this.networks = networks;
        this.netdevs = netdevs;
        this.events = events;
    }

    /**
     * Plugs a disk or a network interface.
     *
     * @param properties all of them, the driver, what is behind it and the id too, as JSON values or the words of a command line
     */
    public synchronized void add(Map<String, Object> properties) {
        Map<String, Object> left = new HashMap<>(properties);
        String driver = DeviceProperties.text(left.remove("driver"), "driver");
        if (driver == null) {
            throw new MonitorException("Parameter 'driver' is missing");
        }
        boolean net = NetDevices.DRIVERS.contains(driver);
        if (!net && !DRIVERS.contains(driver)) {
            throw new MonitorException("'" + driver + "' is not a valid device model name");
        }
        String id = DeviceProperties.text(left.remove("id"), "id");
        if (id != null && isTaken(id)) {
            throw new MonitorException("Duplicate device ID '" + id + "'");
        }
        String own = id == null ? freeId(net ? "net" : "virtio") : id;
        if (net) {
            netdevs.plug(driver, own, left);
        } else {
            addDisk(driver, own, left);
        }
    }

    private void addDisk(String driver, String id, Map<String, Object> left) {
        String nodeName = DeviceProperties.text(left.remove("drive"), "drive");
        if (nodeName == null) {
            throw new MonitorException("drive property not set");
        }
        if (!nodes.contains(nodeName)) {
            throw new MonitorException("Property 'virtio-blk-device.drive' can't find value '" + nodeName + "'");
        }
        BlockNode node = nodes.take(nodeName, id);
        boolean done = false;
        disks.setPlugged(id, true);
        try {
            machine.addDrive(new Properties(new DeviceProperties(driver), left).apply(node.drive().toBuilder().id(id)));
            done = true;
        } finally {
            if (!done) {
                disks.setPlugged(id, false);
                nodes.release(id);
            }
        }
    }

    private String freeId(String prefix) {
        int number = 0;
        while (isTaken(prefix + number)) {
            number++;
        }
        return prefix + number;
    }

    /** Until what it had is free, too, which comes with the event. */
    private boolean isTaken(String id) {
        return disks.all().stream().anyMatch(drive -> drive.id().equals(id)) || isNic(id) || netdevs.has(id) || nodes.has(id);
    }

    private boolean isNic(String id) {
        return networks.all().stream().anyMatch(nic -> nic.id().equals(id));
    }

    /** Asks the guest for a device; DEVICE_DELETED says that it is gone. */
    public void delete(String id) {
        String bare = Disks.bareId(id);
        boolean net = isNic(bare);
        String own = net ? bare : disks.byId(id).id();
        synchronized (removals) {
            DeviceRemoval asked = removals.get(own);
            if (asked != null && asked.state() == DeviceRemoval.State.ASKED) {
                throw new MonitorException("Device " + own + " is already in the process of unplug");
            }
            if (asked != null && asked.state() == DeviceRemoval.State.UNANSWERED) {
                asked.askAgain(VirtualMachine.GUEST_ANSWER);
                return;
            }
            removals.put(own, net ? machine.removeNic(own) : machine.removeDrive(own));
        }
    }

    /** A disk has gone, on demand or because its guest ejected it. */
    void removed(String id) {
        forget(id);
        nodes.release(id);
        disks.setPlugged(id, false);
        tellDeleted(id);
    }

    /** The same of a network interface. */
    void nicRemoved(String id) {
        forget(id);
        netdevs.released(id);
        networks.forget(id);
        tellDeleted(id);
    }

    private void forget(String id) {
        synchronized (removals) {
            removals.remove(id);
        }
        events.forget(id);
    }

    private void tellDeleted(String id) {
        events.tell("DEVICE_DELETED", Json.object("path", Disks.backendPath(id)));
        events.tell("DEVICE_DELETED", Json.object("device", id, "path", Disks.path(id)));
    }

    /** The properties of a virtio-blk device that mean something here. */
    private record Properties(DeviceProperties of, Map<String, Object> values) {

        DriveConfig apply(DriveBuilder drive) {
            CacheMode cache = drive.build().cache();
            for (Map.Entry<String, Object> property : values.entrySet()) {
                String name = property.getKey();
                Object value = property.getValue();
                switch (name) {
                    case "serial" -> {
                        if (value == null) {
                            throw new MonitorException("Invalid parameter type for 'serial', expected: string");
                        }
                        drive.serial(DeviceProperties.text(value, name));
                    }
                    case "num-queues" -> drive.queues(of.number(name, value, DriveConfig.MAX_QUEUES));
                    case "queue-size" -> drive.queueSize(of.number(name, value, 1024));
                    case "packed" -> drive.packed(of.onOff(name, value));
                    case "discard" -> drive.discard(of.onOff(name, value));
                    case "write-cache" -> cache = "auto".equals(value) || of.onOff(name, value) ? cache : writeThrough(cache);
                    case "rerror" -> drive.readErrors(policy(name, value));
                    case "werror" -> drive.writeErrors(policy(name, value));
                    case "bus" -> DeviceProperties.checkBus(value);
                    default -> throw of.unknown(name);
                }
            }
            return drive.cache(cache).build();
        }

        private static CacheMode writeThrough(CacheMode cache) {
            return cache.isDirect() ? CacheMode.DIRECTSYNC : CacheMode.WRITETHROUGH;
        }

        private ErrorPolicy policy(String name, Object value) {
            return switch (String.valueOf(value)) {
                case "report" -> ErrorPolicy.REPORT;
                case "ignore" -> ErrorPolicy.IGNORE;
                case "stop" -> ErrorPolicy.STOP;
                case "enospc" -> ErrorPolicy.ENOSPC;
                case "auto" -> name.equals("rerror") ? ErrorPolicy.REPORT : ErrorPolicy.ENOSPC;
                default -> throw of.bad(name, value);
            };
        }
    }
}
