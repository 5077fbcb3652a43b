// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.machine.DriveConfig;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * QEMU's named nodes over the machine's drives. A node says what a disk can be made from; its image is looked at when it is
 * added, and open and locked while a disk has it. Disks of {@code --drive} have one that goes with them.
 * <p>Thread: any; its lock is a leaf.
 */
public final class BlockNodes {

    /** As many as there can be at a time: who connects must not fill memory. */
    public static final int MOST = 256;

    private final Map<String, BlockNode> nodes = new LinkedHashMap<>();
    /** The node behind each disk, by the disk's id. */
    private final Map<String, String> behind = new HashMap<>();
    /** Nodes that a job writes to. */
    private final Collection<String> targets = new ArrayList<>();

    /** Adds what {@code blockdev-add} made. */
    public synchronized void add(BlockNode node) {
        if (nodes.containsKey(node.name())) {
            throw new MonitorException("Duplicate nodes with node-name='" + node.name() + "'");
        }
        if (nodes.size() >= MOST) {
            throw new MonitorException("there are " + MOST + " nodes already; delete some with blockdev-del");
        }
        nodes.put(node.name(), node);
    }

    /** That of {@code blockdev-del}. */
    public synchronized void delete(String name) {
        BlockNode node = get(name);
        if (isUsed(name)) {
            throw new MonitorException("Node " + name + " is in use");
        }
        if (!node.explicit()) {
            throw new MonitorException("Node " + name + " is not owned by the monitor");
        }
        nodes.remove(name);
    }

    /** The node of that name. */
    public synchronized BlockNode get(String name) {
        BlockNode node = nodes.get(name);
        if (node == null) {
            throw new MonitorException("Failed to find node with node-name='" + name + "'");
        }
        return node;
    }

    public synchronized List<BlockNode> all() {
        return List.copyOf(nodes.values());
    }

    synchronized boolean contains(String name) {
        return nodes.containsKey(name);
    }

    private boolean isUsed(String name) {
        boolean used = behind.containsValue(name) || targets.contains(name);
        for (BlockNode node : nodes.values()) {
            used |= name.equals(node.child());
        }
        return used;
    }

    /** The node behind a disk; a disk that nobody has named one for gets one. */
    synchronized BlockNode of(String driveId, DriveConfig drive) {
        String name = behind.get(driveId);
        if (name == null) {
            name = "#" + driveId;
            nodes.put(name, new BlockNode(name, driver(drive), drive, null, false));
            behind.put(driveId, name);
        }
        return nodes.get(name);
    }

    private static String driver(DriveConfig drive) {
        return drive.format() == DriveConfig.Format.NULL ? "null-co" : drive.format().toString();
    }

    /** Takes a node for a disk that is about to be made, or for a job to write to. */
    synchronized BlockNode take(String name, String driveId) {
        BlockNode node = get(name);
        if (isUsed(name)) {
            throw new MonitorException("Node " + name + " is in use");
        }
        if (driveId == null) {
            targets.add(name);
        } else {
            behind.put(driveId, name);
        }
        return node;
    }

    /** A job has ended; where the disk goes on with what it wrote to, that is behind it now. */
    synchronized void endTarget(String name, String driveId) {
        targets.remove(name);
        if (driveId != null) {
            release(driveId);
            behind.put(driveId, name);
        }
    }

    /** Takes a node away that nobody has heard of. */
    synchronized void forget(String name) {
        nodes.remove(name);
    }

    /** Takes a node away that nobody made by name, once nothing uses it. */
    synchronized void forgetIfUnused(String name) {
        BlockNode node = nodes.get(name);
        if (node != null && !node.explicit() && !isUsed(name)) {
            nodes.remove(name);
        }
    }

    /** Whether a disk of that id has a node, or had one until a moment ago. */
    synchronized boolean has(String driveId) {
        return behind.containsKey(driveId);
    }

    /** The disk is gone, or has something else behind it. */
    synchronized void release(String driveId) {
        String name = behind.remove(driveId);
        BlockNode node = name == null ? null : nodes.get(name);
        if (node != null && !node.explicit()) {
            nodes.remove(name);
        }
    }
}
