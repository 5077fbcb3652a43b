// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import java.util.List;

/**
 * A command.
 *
 * @param name     its name, and others for it after a bar: {@code cont|c}
 * @param usage    what it takes
 * @param help     what it does, in a few words
 * @param least    how many words it needs
 * @param most     how many it takes
 * @param complete what its words may be, as far as that is known: DISKS, NICS, NETDEVS, DEVICES, JOBS, or words separated by bars
 * @param action   does it, and says what there is to say
 */
record HmpCommand(String name, String usage, String help, int least, int most, String complete, Action action) {

    static final String DISKS = "DISKS";
    static final String NICS = "NICS";
    static final String NETDEVS = "NETDEVS";
    static final String DEVICES = "DEVICES";
    static final String JOBS = "JOBS";
    static final String NOTHING = "";

    /** Gets the words behind the command's. */
    interface Action {
        String run(List<String> words);
    }

    List<String> names() {
        return List.of(name.split("\\|"));
    }
}
