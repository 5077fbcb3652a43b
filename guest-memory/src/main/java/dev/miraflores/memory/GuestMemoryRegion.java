// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.memory;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Mapping;
import java.lang.foreign.MemorySegment;

/**
 * A range of guest-physical addresses with host memory behind it.
 * <p>Thread: any; the fields never change.
 * <p>Lifetime: owns its mapping, which ends with the {@link GuestMemory} the region was given to.
 */
public final class GuestMemoryRegion implements AutoCloseable {

    /** What the host gives and takes at the least. */
    static final long PAGE_BYTES = 4096;

    private final long gpa;
    private final long byteSize;
    private final MemorySegment segment;
    private final long hostAddress;
    private final Mapping mapping;
    private final Fd file;
    private final long fileOffset;
    /** 0 for memory that is another process's, and its to give back. */
    private final long pageBytes;

    private GuestMemoryRegion(long gpa, Mapping mapping, MemorySegment segment, Fd file, long fileOffset, long pageBytes) {
        this.gpa = gpa;
        this.mapping = mapping;
        this.segment = segment;
        this.byteSize = segment.byteSize();
        this.hostAddress = segment.address();
        this.file = file;
        this.fileOffset = fileOffset;
        this.pageBytes = pageBytes;
        // A page on both sides, so that what is aligned for the guest is aligned for the host too.
        if (gpa < 0 || gpa > Long.MAX_VALUE - byteSize || gpa % PAGE_BYTES != 0 || hostAddress % PAGE_BYTES != 0) {
            throw new IllegalArgumentException("region at gpa 0x" + Long.toHexString(gpa) + " with " + byteSize
                + " bytes: not on a page, or past the end of addresses");
        }
    }

    /** Private memory at {@code gpa}, zeroed, which no other process can map. */
    public static GuestMemoryRegion anonymous(long gpa, long byteSize) {
        Mapping mapping = Mapping.anonymous(byteSize, 0);
        // Large pages where the host has them to spare: fewer faults while a guest starts, shorter walks while it runs.
        // A host without is no worse off, so the result does not matter.
        mapping.advise(0, byteSize, Mapping.MADV_HUGEPAGE);
        return new GuestMemoryRegion(gpa, mapping, mapping.segment(), null, 0, PAGE_BYTES);
    }

    /**
     * Memory at {@code gpa} that a file holds, a memfd as a rule.
     *
     * @param mapping    shared mapping of the file from {@code fileOffset} on; the region closes it
     * @param file       the file; stays open as long as the region, and is closed by whoever opened it
     * @param fileOffset bytes from the start of the file to the region's first byte
     */
    public static GuestMemoryRegion shared(long gpa, Mapping mapping, Fd file, long fileOffset) {
        return shared(gpa, mapping, file, fileOffset, PAGE_BYTES);
    }

    /**
     * As {@link #shared(long, Mapping, Fd, long)}, of a file that has its memory in pages of {@code pageBytes}, a power of two from
     * 4096 on: mapping and file offset are at the start of one.
     */
    public static GuestMemoryRegion shared(long gpa, Mapping mapping, Fd file, long fileOffset, long pageBytes) {
        return new GuestMemoryRegion(gpa, mapping, mapping.segment(), file, fileOffset, pageBytes);
    }

    /**
     * Memory at {@code gpa} that another process has given, of which the descriptor is not kept.
     *
     * @param mapping shared; the region closes it
     * @param offset  bytes from the start of the mapping to the region's first byte, a multiple of 4096
     */
    public static GuestMemoryRegion received(long gpa, Mapping mapping, long offset, long byteSize) {
        return new GuestMemoryRegion(gpa, mapping, mapping.segment().asSlice(offset, byteSize), null, 0, 0);
    }

    /** Guest-physical address of the first byte. */
    public long gpa() {
        return gpa;
    }

    /** Bytes in the region. */
    public long byteSize() {
        return byteSize;
    }

    /** The region's bytes. An access after the memory was closed throws {@link IllegalStateException}. */
    public MemorySegment segment() {
        return segment;
    }

    /** Where the first byte lies in this process: for the kernel's eyes, in iovecs and memory slots. */
    public long hostAddress() {
        return hostAddress;
    }

    /** Number of the file behind the region, or −1 where it is private to this process. */
    public int fd() {
        return file == null ? -1 : file.number();
    }

    /** Bytes from the start of {@link #fd} to the region's first byte; 0 where there is no file. */
    public long fileOffset() {
        return fileOffset;
    }

    /**
     * Whether all of {@code byteSize} bytes from {@code gpa} on lie inside. Both are any 64-bit value, taken as
     * unsigned; no bytes at all are inside where their address is, or just past the end.
     */
    public boolean holds(long gpa, long byteSize) {
        // A gpa below the region gives an offset that is negative or beyond any region's size; a byteSize from 2^63 up
        // is negative. The subtraction on the right cannot overflow: both sides of it are non-negative.
        long offset = gpa - this.gpa;
        return byteSize >= 0 && offset >= 0 && offset <= this.byteSize - byteSize;
    }

    /** Bytes that are given back to the host at once: 4096, or a huge page; 0 where another process has given the memory. */
    public long pageBytes() {
        return pageBytes;
    }

    /**
     * Gives the host back the pages that lie in the range as a whole: what was in them is lost, and they read as zeroes. For
     * memory in a file that goes for every process that has mapped it. Private memory is taken from this process's mapping
     * (MADV_DONTNEED), a file's from the file (a hole).
     *
     * @param offset   bytes from the region's first, not negative
     * @param byteSize inside the region with {@code offset}
     * @return bytes given back, 0 where the range holds no whole page or the memory is another process's; or −errno
     */
    long discard(long offset, long byteSize) {
        if (pageBytes == 0) {
            return 0;
        }
        long start = offset + pageBytes - 1 & -pageBytes;
        long end = offset + byteSize & -pageBytes;
        if (end <= start) {
            return 0;
        }
        int rc;
        do {
            rc = file == null ? mapping.advise(start, end - start, Mapping.MADV_DONTNEED)
                : FileIo.fallocate(file.number(), FileIo.FALLOC_FL_PUNCH_HOLE | FileIo.FALLOC_FL_KEEP_SIZE, fileOffset + start,
                    end - start);
        } while (rc == -Errno.EINTR);
        return rc < 0 ? rc : end - start;
    }

    /**
     * All bytes are zero afterwards. Huge pages stay this region's, and are overwritten: once given back, others might have them
     * when the guest wants them again.
     */
    void clear() {
        if (pageBytes != PAGE_BYTES || discard(0, byteSize) != byteSize) {
            segment.fill((byte) 0);
        }
    }

    /** Ends the mapping. Once more does nothing. */
    @Override
    public void close() {
        mapping.close();
    }

    @Override
    public String toString() {
        return "gpa 0x" + Long.toHexString(gpa) + "..0x" + Long.toHexString(gpa + byteSize - 1);
    }
}
