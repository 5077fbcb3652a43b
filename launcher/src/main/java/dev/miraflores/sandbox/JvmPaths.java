// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Files that a JVM opens at any time: classes and libraries that it loads when they are first used, what the kernel tells of
 * memory and processors, time zones, random numbers.
 * <p>Thread: any.
 */
final class JvmPaths {

    private static final List<String> SYSTEM = List.of(
            // Libraries, loaded by name.
            "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache",
            // What the JVM asks about itself, its control group and its host.
            "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/sys/vm", "/sys/fs/cgroup",
            "/sys/kernel/mm",
            // And we, about disks.
            "/sys/devices", "/sys/dev/block",
            "/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/dev/random", "/dev/urandom", "/dev/zero");

    private JvmPaths() {
    }

    static List<String> readable() {
        List<String> paths = new ArrayList<>(SYSTEM);
        String home = System.getProperty("java.home");
        paths.add(home);
        addConfiguration(paths, home);
        addAll(paths, System.getProperty("jdk.module.path"));
        addAll(paths, System.getProperty("java.class.path"));
        return paths;
    }

    /** Distributions keep it below /etc, with links to it from where it belongs. */
    private static void addConfiguration(List<String> paths, String home) {
        Path security = Path.of(home, "conf", "security", "java.security");
        try {
            if (Files.isSymbolicLink(security)) {
                paths.add(security.toRealPath().getParent().getParent().toString());
            }
        } catch (IOException e) {
            // None there.
        }
    }

    private static void addAll(List<String> paths, String list) {
        int start = 0;
        while (list != null && start < list.length()) {
            int colon = list.indexOf(File.pathSeparatorChar, start);
            int end = colon < 0 ? list.length() : colon;
            if (end > start) {
                paths.add(list.substring(start, end));
            }
            start = end + 1;
        }
    }

    static List<String> writable() {
        List<String> paths = new ArrayList<>();
        paths.add("/dev/null");
        if (isRecording()) {
            FlightPaths.addFiles(paths);
        }
        return paths;
    }

    static List<String> changeable() {
        return isRecording() ? List.of(System.getProperty(FLIGHT_REPOSITORY)) : List.of();
    }

    /** Where JFR keeps what it has recorded; it says so once it was first started. */
    private static final String FLIGHT_REPOSITORY = "jdk.jfr.repository";

    private static boolean isRecording() {
        return System.getProperty(FLIGHT_REPOSITORY) != null;
    }
}
