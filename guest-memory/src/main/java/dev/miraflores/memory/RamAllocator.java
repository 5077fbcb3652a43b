// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.memory;

import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.Memfd;
import java.util.ArrayList;
import java.util.List;

/**
 * Allocates a PC's RAM around the 32-bit hole.
 * <pre>  0            RAM, up to 3 GiB
 *   0xC000_0000  hole: PCI windows, ECAM, IOAPIC, LAPIC, firmware
 *   4 GiB        the rest of RAM </pre>
 * A memfd holds both parts one after the other, so the hole takes no room in it. Its size is sealed: a process that it is
 * given to must not take memory away from under this one (SIGBUS).
 */
final class RamAllocator {

    /** Where RAM below the hole ends at the latest. */
    static final long HOLE_START = 0xC000_0000L;

    /** Where RAM goes on. */
    static final long HOLE_END = 1L << 32;

    private RamAllocator() {
    }

    static GuestMemory allocate(long byteSize, MemoryBacking backing) {
        if (byteSize <= 0 || byteSize % GuestMemoryRegion.PAGE_BYTES != 0) {
            throw new IllegalArgumentException("guest memory of " + byteSize + " bytes: not a positive multiple of 4096");
        }
        long low = Math.min(byteSize, HOLE_START);
        long high = byteSize - low;
        List<GuestMemoryRegion> regions = new ArrayList<>(2);
        Fd file = backing == MemoryBacking.ANONYMOUS ? null : createFile(byteSize, backing);
        try {
            regions.add(map(0, low, file, 0, backing));
            if (high > 0) {
                regions.add(map(HOLE_END, high, file, low, backing));
            }
            return new GuestMemory(regions, file);
        } catch (RuntimeException | Error e) {
            for (GuestMemoryRegion region : regions) {
                region.close();
            }
            if (file != null) {
                file.close();
            }
            throw e;
        }
    }

    private static Fd createFile(long byteSize, MemoryBacking backing) {
        boolean huge = backing == MemoryBacking.HUGE_PAGES;
        Fd file = Memfd.create("guest-ram", Memfd.MFD_ALLOW_SEALING | (huge ? Memfd.MFD_HUGETLB : 0));
        int rc = FileIo.ftruncate(file.number(), byteSize);
        if (rc < 0) {
            file.close();
            throw new ErrnoException("ftruncate(guest RAM" + describe(byteSize, backing), -rc);
        }
        try {
            Memfd.seal(file, Memfd.F_SEAL_SHRINK | Memfd.F_SEAL_GROW | Memfd.F_SEAL_SEAL);
        } catch (ErrnoException e) {
            file.close();
            throw e;
        }
        return file;
    }

    private static GuestMemoryRegion map(long gpa, long byteSize, Fd file, long fileOffset, MemoryBacking backing) {
        try {
            if (file == null) {
                return GuestMemoryRegion.anonymous(gpa, byteSize);
            }
            // Without MAP_NORESERVE, huge pages are set aside here or the call fails: a fault later would be a SIGBUS.
            Mapping mapping = Mapping.file(file.number(), fileOffset, byteSize,
                Mapping.PROT_READ | Mapping.PROT_WRITE, Mapping.MAP_SHARED);
            // hugetlbfs names its page as the size of an I/O (stat(2), st_blksize); tmpfs may name one that it only strives for.
            long pageBytes = backing == MemoryBacking.HUGE_PAGES ? FileIo.fstat(file.number()).blockBytes()
                : GuestMemoryRegion.PAGE_BYTES;
            return GuestMemoryRegion.shared(gpa, mapping, file, fileOffset, pageBytes);
        } catch (ErrnoException e) {
            throw new ErrnoException("mmap(guest RAM" + describe(byteSize, backing), e.errno());
        }
    }

    private static String describe(long byteSize, MemoryBacking backing) {
        return ", " + byteSize + " bytes" + switch (backing) {
            case ANONYMOUS -> ")";
            case MEMFD -> " in a memfd)";
            case HUGE_PAGES -> " in huge pages; /proc/sys/vm/nr_hugepages sets how many there are)";
        };
    }
}
