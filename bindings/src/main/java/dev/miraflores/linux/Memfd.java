// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Anonymous files in memory: memfd_create(2). */
public final class Memfd {
    public static final int MFD_CLOEXEC = libc_h.MFD_CLOEXEC;
    public static final int MFD_ALLOW_SEALING = libc_h.MFD_ALLOW_SEALING;
    public static final int MFD_HUGETLB = libc_h.MFD_HUGETLB;
    /** The log2 of a huge page's size goes here in the flags. */
    public static final int MFD_HUGE_SHIFT = libc_h.MAP_HUGE_SHIFT;

    private static final MemorySegment MEMFD_CREATE = Libc.symbol("memfd_create");

    private Memfd() {}

    /**
     * An empty file; {@code MFD_CLOEXEC} is added to the flags.
     *
     * @param name shown in {@code /proc/self/fd}, nothing else
     */
    public static Fd create(String name, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cName = arena.allocateFrom(name);
            int fd = Libc.callInt(MEMFD_CREATE, cName.address(), flags | MFD_CLOEXEC);
            if (fd < 0) {
                throw new ErrnoException("memfd_create(" + name + ")", -fd);
            }
            return Fd.adopt(fd);
        }
    }
}
