// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.doctor;

import dev.miraflores.linux.SysInfo;
import dev.miraflores.machine.MemorySize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The host's memory, and the kinds of it that guests profit from. */
final class MemoryChecks {

    private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB");
    private static final Path TRANSPARENT = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
    /** Rings and the buffers registered with them; guests' RAM comes on top. */
    private static final long LEAST_MEMLOCK = 8L << 20;

    private MemoryChecks() {
    }

    static void add(List<Finding> findings) {
        findings.add(Finding.ok("memory", MemorySize.format(SysInfo.physicalMemory()) + ", of which "
                + MemorySize.format(SysInfo.freeMemory()) + " free; " + SysInfo.onlineCpus() + " CPUs"));
        findings.add(hugePages(HUGE_PAGES));
        findings.add(transparent(TRANSPARENT));
        findings.add(memlock(SysInfo.memlockLimit()));
    }

    static Finding hugePages(Path directory) {
        String name = "huge pages";
        String total = read(directory.resolve("nr_hugepages"));
        String free = read(directory.resolve("free_hugepages"));
        if (total == null || free == null) {
            return Finding.lacking(name, "not in this kernel", "boot a kernel with CONFIG_HUGETLBFS for --huge-pages");
        }
        String detail = free + " of " + total + " pages of 2 MiB free";
        return free.equals("0")
                ? Finding.lacking(name, detail, "for --huge-pages with 1 GiB, as root: sysctl vm.nr_hugepages=512")
                : Finding.ok(name, detail);
    }

    static Finding transparent(Path file) {
        String name = "transparent huge pages";
        String modes = read(file);
        if (modes == null) {
            return Finding.lacking(name, "not in this kernel", "use --huge-pages instead");
        }
        return modes.contains("[never]")
                ? Finding.lacking(name, "off", "as root: echo madvise > " + file)
                : Finding.ok(name, modes.contains("[always]") ? "always" : "where asked for");
    }

    static Finding memlock(long bytes) {
        String name = "memlock limit";
        if (bytes == SysInfo.UNLIMITED) {
            return Finding.ok(name, "none");
        }
        return bytes < LEAST_MEMLOCK
                ? Finding.lacking(name, MemorySize.format(bytes) + ": buffers may not be registered with io_uring",
                        "raise it: ulimit -l, or 'memlock' in /etc/security/limits.conf")
                : Finding.ok(name, MemorySize.format(bytes));
    }

    /** A file of one line, or null where it is not to be had. */
    private static String read(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            return null;
        }
    }
}
