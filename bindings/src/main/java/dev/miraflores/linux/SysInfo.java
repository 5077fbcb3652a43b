// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import dev.miraflores.bindings.libc.rlimit;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What the host has.
 *
 * <p>Source: sysconf(3), getrlimit(2).
 */
public final class SysInfo {
    /** What {@link #memlockLimit} returns when there is no limit. */
    public static final long UNLIMITED = Long.MAX_VALUE;

    private static final MemorySegment SYSCONF = Libc.symbol("sysconf");

    private SysInfo() {}

    /** Bytes in a page. */
    public static int pageSize() {
        return (int) sysconf(libc_h._SC_PAGESIZE);
    }

    /** Bytes of memory that the host has, used or not. */
    public static long physicalMemory() {
        return sysconf(libc_h._SC_PHYS_PAGES) * pageSize();
    }

    /** Bytes of memory that nobody uses, not even as a cache. */
    public static long freeMemory() {
        return sysconf(libc_h._SC_AVPHYS_PAGES) * pageSize();
    }

    /** CPUs that are up. */
    public static int onlineCpus() {
        return (int) sysconf(libc_h._SC_NPROCESSORS_ONLN);
    }

    /** Bytes that this process may lock into memory without privilege, or {@link #UNLIMITED}. */
    public static long memlockLimit() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limit = rlimit.allocate(arena);
            int rc = Libc.callInt(Libc.symbol("getrlimit"), libc_h.RLIMIT_MEMLOCK, limit.address());
            ErrnoException.check("getrlimit(RLIMIT_MEMLOCK)", rc);
            long bytes = rlimit.rlim_cur(limit);
            return bytes < 0 ? UNLIMITED : bytes; // RLIM_INFINITY is all ones
        }
    }

    private static long sysconf(int name) {
        return Libc.callLong(SYSCONF, name, 0, 0, 0);
    }
}
