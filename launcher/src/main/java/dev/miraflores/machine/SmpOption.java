// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/** How many CPUs, in QEMU's words: {@code 2} or {@code cpus=2}. */
public final class SmpOption {

    private static final String OPTION = "--smp";

    private SmpOption() {
    }

    /** The number of virtual CPUs; what the host allows is checked when the machine is made. */
    public static int parse(String text) {
        String count = text.startsWith("cpus=") ? text.substring("cpus=".length()) : text;
        if (count.indexOf('=') >= 0) {
            throw new ConfigException(OPTION + " " + text + ": only the number of CPUs is built; use --smp 2");
        }
        int vcpus;
        try {
            // Other scripts' digits are numbers to Java.
            vcpus = Integer.parseInt(count.chars().allMatch(c -> c < 128) ? count : "");
        } catch (NumberFormatException e) {
            throw new ConfigException(OPTION + " " + text + ": not a number of CPUs; use one such as 2", e);
        }
        if (vcpus < 1) {
            throw new ConfigException(OPTION + " " + text + ": a machine needs a CPU; use 1 or more");
        }
        return vcpus;
    }
}
