// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Limits of the process, for all of its threads.
 *
 * <p>Source: getrlimit(2).
 */
public final class ResourceLimits {
    private static final MemorySegment GETRLIMIT = Libc.symbol("getrlimit");
    private static final MemorySegment SETRLIMIT = Libc.symbol("setrlimit");

    private ResourceLimits() {}

    /** Has no core of this process written; the memory of guests is in there. For good: 0 or −errno. */
    public static int noCoreDumps() {
        return lower(libc_h.RLIMIT_CORE, 0);
    }

    /** Lowers how many descriptors there may be, for good, where more were allowed: 0 or −errno. */
    public static int lowerDescriptors(long most) {
        return lower(libc_h.RLIMIT_NOFILE, most);
    }

    private static int lower(int resource, long most) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limit = arena.allocate(2L * Long.BYTES, Long.BYTES); // rlim_cur, rlim_max
            int rc = Libc.callInt(GETRLIMIT, resource, limit.address());
            if (rc < 0) {
                return rc;
            }
            for (long offset = 0; offset <= Long.BYTES; offset += Long.BYTES) {
                long now = limit.get(ValueLayout.JAVA_LONG, offset);
                if (Long.compareUnsigned(now, most) > 0) { // no limit is all ones
                    limit.set(ValueLayout.JAVA_LONG, offset, most);
                }
            }
            return Libc.callInt(SETRLIMIT, resource, limit.address());
        }
    }
}
