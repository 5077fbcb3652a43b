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

    public static final int F_SEAL_SEAL = libc_h.F_SEAL_SEAL;
    public static final int F_SEAL_SHRINK = libc_h.F_SEAL_SHRINK;
    public static final int F_SEAL_GROW = libc_h.F_SEAL_GROW;

    private static final MemorySegment MEMFD_CREATE = Libc.symbol("memfd_create");
    private static final MemorySegment FCNTL = Libc.symbol("fcntl");

    private Memfd() {}

    /**
     * A file of {@code byteSize} zeroes, of which nobody can change the size any more: whoever maps it needs not fear for
     * its pages.
     */
    public static Fd createSealed(String name, long byteSize) {
        Fd file = create(name, MFD_ALLOW_SEALING);
        try {
            ErrnoException.check("ftruncate(" + name + ", bytes=" + byteSize + ")", FileIo.ftruncate(file.number(), byteSize));
            seal(file, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
            return file;
        } catch (RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

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

    /** Forbids, for good and to all who have the file, what the seals say; it was made with {@code MFD_ALLOW_SEALING}. */
    public static void seal(Fd file, int seals) {
        ErrnoException.check("fcntl(F_ADD_SEALS)", Libc.callInt(FCNTL, file.number(), libc_h.F_ADD_SEALS, seals));
    }
}
