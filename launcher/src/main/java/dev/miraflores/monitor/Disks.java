// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.machine.Drive;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The machine's disks under the three names that QEMU's have: that of {@code -drive} ("device"), that of the node behind it,
 * and that of the virtio-blk device, which may be its whole path.
 * <p>Thread: any.
 */
public final class Disks {

    private static final String PERIPHERAL = "/machine/peripheral/";
    private static final String BACKEND = "/virtio-backend";

    private final MonitoredMachine machine;
    private final BlockNodes nodes;
    /** Those that {@code device_add} made: they have no name as a drive. */
    private final Set<String> plugged = ConcurrentHashMap.newKeySet();

    Disks(MonitoredMachine machine, BlockNodes nodes) {
        this.machine = machine;
        this.nodes = nodes;
    }

    public List<Drive> all() {
        return machine.drives();
    }

    /** The node behind it. */
    public BlockNode node(Drive drive) {
        return nodes.of(drive.id(), drive.config());
    }

    /** Its name as a drive; empty for a disk that {@code device_add} made, as in QEMU. */
    public String deviceName(Drive drive) {
        return plugged.contains(drive.id()) ? "" : drive.id();
    }

    /** Where QEMU's object tree would have it. */
    public static String path(String driveId) {
        return PERIPHERAL + driveId;
    }

    /** {@link #path}, of what the driver of the guest talks to. */
    public static String backendPath(String driveId) {
        return path(driveId) + BACKEND;
    }

    void setPlugged(String driveId, boolean on) {
        if (on) {
            plugged.add(driveId);
        } else {
            plugged.remove(driveId);
        }
    }

    /** By the name of a drive or of a node. */
    public Drive byDeviceOrNode(String name) {
        Drive drive = find(name, true);
        if (drive == null) {
            throw new MonitorException(ErrorClass.DEVICE_NOT_FOUND, "Cannot find device='" + name + "' nor node-name='" + name + "'");
        }
        return drive;
    }

    /** By either of two names, of which one is given. */
    public Drive byDeviceOrId(String device, String id) {
        if ((device == null) == (id == null)) {
            throw new MonitorException("Need exactly one of 'device' and 'id'");
        }
        return id == null ? byDevice(device) : byId(id);
    }

    private Drive byDevice(String device) {
        Drive drive = find(device, false);
        if (drive == null) {
            throw new MonitorException(ErrorClass.DEVICE_NOT_FOUND, "Device '" + device + "' not found");
        }
        return drive;
    }

    private Drive find(String name, boolean orNode) {
        for (Drive drive : all()) {
            if (deviceName(drive).equals(name) && !name.isEmpty() || orNode && node(drive).name().equals(name)) {
                return drive;
            }
        }
        return null;
    }

    /** The id that a path has at its end, or the id itself. */
    static String bareId(String id) {
        String bare = id.startsWith(PERIPHERAL) ? id.substring(PERIPHERAL.length()) : id;
        return bare.endsWith(BACKEND) ? bare.substring(0, bare.length() - BACKEND.length()) : bare;
    }

    /** By the id of the virtio-blk device, or its path. */
    public Drive byId(String id) {
        String bare = bareId(id);
        for (Drive drive : all()) {
            if (drive.id().equals(bare)) {
                return drive;
            }
        }
        throw new MonitorException(ErrorClass.DEVICE_NOT_FOUND, "Device '" + id + "' not found");
    }
}
