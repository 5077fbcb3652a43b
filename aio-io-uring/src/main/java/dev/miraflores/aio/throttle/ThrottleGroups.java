// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import java.util.HashMap;
import java.util.Map;

/**
 * A machine's groups by name. A group is there as long as a disk is in it.
 * <p>Thread: any.
 */
public final class ThrottleGroups {

    private final Map<String, ThrottleGroup> groups = new HashMap<>();

    /** None yet. */
    public ThrottleGroups() {
    }

    /**
     * A throttle for a disk in the group {@code name}. Where there is such a group, it has the limits {@code config} from now
     * on, for all its disks: the last one to set limits wins.
     *
     * @param name that of the disk, where it names no group
     */
    public synchronized ThrottleStage open(String name, ThrottleConfig config) {
        ThrottleGroup group = group(name);
        if (group == null) {
            group = new ThrottleGroup(name, config);
            groups.put(name, group);
        } else if (!group.config().equals(config)) {
            group.setConfig(config);
        }
        return new ThrottleStage(group);
    }

    /** The group of that name, or {@code null}. */
    public synchronized ThrottleGroup group(String name) {
        ThrottleGroup group = groups.get(name);
        if (group != null && group.size() == 0) {
            groups.remove(name); // its last disk has left it
            return null;
        }
        return group;
    }
}
