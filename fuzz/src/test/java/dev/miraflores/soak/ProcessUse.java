// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * What this process holds, after a garbage collection.
 *
 * @param descriptors what they are of, the one that looks left out
 * @param threads     of Java's
 */
record ProcessUse(List<String> descriptors, int threads, long residentBytes, long heapBytes) {

    private static final int PAGE_BYTES = 4096;

    static ProcessUse now() throws IOException {
        System.gc();
        long pages = Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]);
        return new ProcessUse(openDescriptors(), ManagementFactory.getThreadMXBean().getThreadCount(), pages * PAGE_BYTES,
            ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
    }

    private static List<String> openDescriptors() throws IOException {
        List<String> open = new ArrayList<>();
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            for (Path file : files.toList()) {
                try {
                    open.add(Files.readSymbolicLink(file).toString());
                } catch (IOException e) {
                    continue; // that of the list itself
                }
            }
        }
        open.removeIf(each -> each.endsWith("/fd"));
        return open;
    }

    @Override
    public String toString() {
        return descriptors.size() + " descriptors, " + threads + " threads, " + (residentBytes >> 10) + " KiB resident, "
            + (heapBytes >> 10) + " KiB of heap";
    }
}
