// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Memory from mmap(2), unmapped by {@link #close}.
 *
 * <p>Thread: any. A close waits for no one: accesses through {@link #segment} that come later throw, whichever thread
 * makes them; what the kernel or a device was given by {@link #address} must be out of use by then.
 *
 * <p>Lifetime: until {@link #close}; segments sliced from it end with it, with an {@link IllegalStateException}.
 *
 * <p>Source: mmap(2), munmap(2), madvise(2), mlock(2).
 */
public final class Mapping implements AutoCloseable {
    public static final int PROT_NONE = libc_h.PROT_NONE;
    public static final int PROT_READ = libc_h.PROT_READ;
    public static final int PROT_WRITE = libc_h.PROT_WRITE;

    public static final int MAP_SHARED = libc_h.MAP_SHARED;
    public static final int MAP_PRIVATE = libc_h.MAP_PRIVATE;
    public static final int MAP_NORESERVE = libc_h.MAP_NORESERVE;
    public static final int MAP_POPULATE = libc_h.MAP_POPULATE;
    public static final int MAP_LOCKED = libc_h.MAP_LOCKED;
    public static final int MAP_HUGETLB = libc_h.MAP_HUGETLB;
    /** The log2 of a huge page's size goes here in the flags. */
    public static final int MAP_HUGE_SHIFT = libc_h.MAP_HUGE_SHIFT;

    public static final int MADV_NORMAL = libc_h.MADV_NORMAL;
    public static final int MADV_DONTNEED = libc_h.MADV_DONTNEED;
    public static final int MADV_REMOVE = libc_h.MADV_REMOVE;
    public static final int MADV_FREE = libc_h.MADV_FREE;
    public static final int MADV_HUGEPAGE = libc_h.MADV_HUGEPAGE;
    public static final int MADV_NOHUGEPAGE = libc_h.MADV_NOHUGEPAGE;
    public static final int MADV_DONTDUMP = libc_h.MADV_DONTDUMP;
    public static final int MADV_DONTFORK = libc_h.MADV_DONTFORK;
    public static final int MADV_MERGEABLE = libc_h.MADV_MERGEABLE;
    public static final int MADV_POPULATE_WRITE = libc_h.MADV_POPULATE_WRITE;

    private static final MemorySegment MMAP = Libc.symbol("mmap");
    private static final MemorySegment MUNMAP = Libc.symbol("munmap");
    private static final MemorySegment MADVISE = Libc.symbol("madvise");
    private static final MemorySegment MLOCK = Libc.symbol("mlock");
    private static final MemorySegment MPROTECT = Libc.symbol("mprotect");

    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    @SuppressWarnings("restricted")
    private Mapping(long address, long byteSize) {
        segment = MemorySegment.ofAddress(address).reinterpret(byteSize, arena, null);
    }

    /**
     * Private, zeroed memory, readable and writable.
     *
     * @param extraFlags such as {@link #MAP_NORESERVE}; {@link #MAP_SHARED} makes it shared with child processes
     */
    public static Mapping anonymous(long byteSize, int extraFlags) {
        int sharing = (extraFlags & MAP_SHARED) != 0 ? 0 : MAP_PRIVATE;
        int flags = libc_h.MAP_ANONYMOUS | sharing | extraFlags;
        long address = Libc.callLong(MMAP, 0, byteSize, PROT_READ | PROT_WRITE, flags, -1, 0, 0);
        if (address < 0) {
            throw new ErrnoException("mmap(anonymous, bytes=" + byteSize + ")", (int) -address);
        }
        return new Mapping(address, byteSize);
    }

    /**
     * A part of a file, or of a device that can be mapped.
     *
     * @param offset in bytes, a multiple of the page size
     */
    public static Mapping file(int fd, long offset, long byteSize, int prot, int flags) {
        long address = Libc.callLong(MMAP, 0, byteSize, prot, flags, fd, offset, 0);
        if (address < 0) {
            throw new ErrnoException(
                    "mmap(fd=" + fd + ", offset=" + offset + ", bytes=" + byteSize + ")", (int) -address);
        }
        return new Mapping(address, byteSize);
    }

    /** All of it; an access after {@link #close} throws. */
    public MemorySegment segment() {
        return segment;
    }

    /** Where it begins, for calls and structures that take an address. */
    public long address() {
        return Addresses.of(segment);
    }

    public long byteSize() {
        return segment.byteSize();
    }

    public boolean isOpen() {
        return segment.scope().isAlive();
    }

    /** madvise(2) for a part of it: 0 or −errno. */
    public int advise(long offset, long byteSize, int advice) {
        return Libc.callInt(MADVISE, addressOf(offset, byteSize), byteSize, advice);
    }

    /** mlock(2) for a part of it: 0 or −errno. */
    public int lock(long offset, long byteSize) {
        return Libc.callInt(MLOCK, addressOf(offset, byteSize), byteSize);
    }

    /** mprotect(2) for a part of it: 0 or −errno. */
    public int protect(long offset, long byteSize, int prot) {
        return Libc.callInt(MPROTECT, addressOf(offset, byteSize), byteSize, prot);
    }

    private long addressOf(long offset, long byteSize) {
        return Addresses.of(segment) + Objects.checkFromIndexSize(offset, byteSize, segment.byteSize());
    }

    @Override
    public synchronized void close() {
        if (!arena.scope().isAlive()) {
            return;
        }
        // First no access can begin any more, in any thread; then the pages go.
        arena.close();
        Libc.callInt(MUNMAP, segment.address(), segment.byteSize());
    }
}
