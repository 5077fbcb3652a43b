// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.devices.block.ErrorPolicy;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveBuilder;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.DriveRemoval;
import dev.miraflores.machine.VirtualMachine;
import dev.miraflores.monitor.json.Json;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code device_add} and {@code device_del}, for disks.
 * <p>Thread: any.
 */
public final class Devices {

    private static final List<String> DRIVERS = List.of("virtio-blk-pci", "virtio-blk", "virtio-blk-pci-non-transitional");

    private final MonitoredMachine machine;
    private final BlockNodes nodes;
    private final Disks disks;
    private final EventHub events;
    /** The guest has been asked for these. */
    private final Map<String, DriveRemoval> removals = new HashMap<>();

    Devices(MonitoredMachine machine, BlockNodes nodes, Disks disks, EventHub events) {
        this.machine = machine;
        this.nodes = nodes;
        this.disks = disks;
        this.events = events;
    }

    /**
     * Plugs a disk.
     *
     * @param properties all of them, the driver, the drive and the id too, as JSON values or the words of a command line
     */
    public synchronized void add(Map<String, Object> properties) {
        Map<String, Object> left = new HashMap<>(properties);
        String driver = text(left.remove("driver"), "driver");
        if (driver == null) {
            throw new MonitorException("Parameter 'driver' is missing");
        }
        if (!DRIVERS.contains(driver)) {
            throw new MonitorException("'" + driver + "' is not a valid device model name");
        }
        String nodeName = text(left.remove("drive"), "drive");
        if (nodeName == null) {
            throw new MonitorException("drive property not set");
        }
        String id = text(left.remove("id"), "id");
        if (id == null) {
            id = freeId();
        } else if (isTaken(id)) {
            throw new MonitorException("Duplicate device ID '" + id + "'");
        }
        if (!nodes.contains(nodeName)) {
            throw new MonitorException("Property 'virtio-blk-device.drive' can't find value '" + nodeName + "'");
        }
        BlockNode node = nodes.take(nodeName, id);
        boolean done = false;
        disks.setPlugged(id, true);
        try {
            machine.addDrive(new Properties(driver, left).apply(node.drive().toBuilder().id(id)));
            done = true;
        } finally {
            if (!done) {
                disks.setPlugged(id, false);
                nodes.release(id);
            }
        }
    }

    private String freeId() {
        int number = 0;
        while (isTaken("virtio" + number)) {
            number++;
        }
        return "virtio" + number;
    }

    private boolean isTaken(String id) {
        for (Drive drive : disks.all()) {
            if (drive.id().equals(id)) {
                return true;
            }
        }
        return false;
    }

    /** Asks the guest for a disk; DEVICE_DELETED says that it is gone. */
    public void delete(String id) {
        Drive drive = disks.byId(id);
        synchronized (removals) {
            DriveRemoval asked = removals.get(drive.id());
            if (asked != null && asked.state() == DriveRemoval.State.ASKED) {
                throw new MonitorException("Device " + drive.id() + " is already in the process of unplug");
            }
            if (asked != null && asked.state() == DriveRemoval.State.UNANSWERED) {
                asked.askAgain(VirtualMachine.DRIVE_ANSWER);
                return;
            }
            removals.put(drive.id(), machine.removeDrive(drive.id()));
        }
    }

    /** A disk has gone, on demand or because its guest ejected it. */
    void removed(String id) {
        synchronized (removals) {
            removals.remove(id);
        }
        nodes.release(id);
        disks.setPlugged(id, false);
        events.forget(id);
        events.tell("DEVICE_DELETED", Json.object("path", Disks.backendPath(id)));
        events.tell("DEVICE_DELETED", Json.object("device", id, "path", Disks.path(id)));
    }

    private static String text(Object value, String name) {
        if (value != null && !(value instanceof String)) {
            throw new MonitorException("Invalid parameter type for '" + name + "', expected: string");
        }
        return (String) value;
    }

    /** The properties of a virtio-blk device that mean something here. */
    private record Properties(String driver, Map<String, Object> values) {

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
                        drive.serial(text(value, name));
                    }
                    case "num-queues" -> drive.queues(number(name, value, DriveConfig.MAX_QUEUES));
                    case "queue-size" -> drive.queueSize(number(name, value, 1024));
                    case "packed" -> drive.packed(onOff(name, value));
                    case "discard" -> drive.discard(onOff(name, value));
                    case "write-cache" -> cache = "auto".equals(value) || onOff(name, value) ? cache : writeThrough(cache);
                    case "rerror" -> drive.readErrors(policy(name, value));
                    case "werror" -> drive.writeErrors(policy(name, value));
                    case "bus" -> checkBus(value);
                    default -> throw new MonitorException("Property '" + driver + "." + name + "' not found");
                }
            }
            return drive.cache(cache).build();
        }

        private static CacheMode writeThrough(CacheMode cache) {
            return cache.isDirect() ? CacheMode.DIRECTSYNC : CacheMode.WRITETHROUGH;
        }

        private static void checkBus(Object value) {
            if (!"pci.0".equals(value) && !"pcie.0".equals(value)) {
                throw new MonitorException("Bus '" + value + "' not found");
            }
        }

        private MonitorException bad(String name, Object value) {
            return new MonitorException("Property '" + driver + "." + name + "' doesn't take value '" + value + "'");
        }

        private int number(String name, Object value, int most) {
            try {
                long number = value instanceof Long whole ? whole : Long.parseLong(String.valueOf(value));
                if (number >= 1 && number <= most) {
                    return (int) number;
                }
            } catch (NumberFormatException e) {
                // as below
            }
            throw bad(name, value);
        }

        private boolean onOff(String name, Object value) {
            return switch (value) {
                case Boolean truth -> truth;
                case String word when List.of("on", "yes", "true", "y").contains(word) -> true;
                case String word when List.of("off", "no", "false", "n").contains(word) -> false;
                case null, default -> throw bad(name, value);
            };
        }

        private ErrorPolicy policy(String name, Object value) {
            return switch (String.valueOf(value)) {
                case "report" -> ErrorPolicy.REPORT;
                case "ignore" -> ErrorPolicy.IGNORE;
                case "stop" -> ErrorPolicy.STOP;
                case "enospc" -> ErrorPolicy.ENOSPC;
                case "auto" -> name.equals("rerror") ? ErrorPolicy.REPORT : ErrorPolicy.ENOSPC;
                default -> throw bad(name, value);
            };
        }
    }
}
