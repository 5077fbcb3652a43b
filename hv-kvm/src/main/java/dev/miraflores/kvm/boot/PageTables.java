// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import java.lang.foreign.MemorySegment;

/**
 * The first 4 GiB mapped one to one by pages of 2 MiB (SDM vol. 3 §4.5): a PML4, a page of page directory pointers,
 * four page directories. Every CPU with 64-bit mode has these; pages of 1 GiB only some.
 */
final class PageTables {
    static final int PAGES = 6;
    static final int BYTES = PAGES * LowMemory.PAGE_BYTES;

    private static final int ENTRIES = 512;
    private static final int DIRECTORIES = 4;
    private static final int PRESENT_WRITABLE = 0x3;
    private static final int LARGE_PAGE = 0x80;
    private static final long LARGE_PAGE_BYTES = 2L << 20;

    private PageTables() {
    }

    /** The tables for a place in memory, as a segment of {@link #BYTES} bytes. */
    static MemorySegment build(long gpa) {
        long[] entries = new long[PAGES * ENTRIES];
        entries[0] = gpa + LowMemory.PAGE_BYTES | PRESENT_WRITABLE;
        for (int i = 0; i < DIRECTORIES; i++) {
            entries[ENTRIES + i] = gpa + (2 + i) * (long) LowMemory.PAGE_BYTES | PRESENT_WRITABLE;
        }
        for (int i = 0; i < DIRECTORIES * ENTRIES; i++) {
            entries[2 * ENTRIES + i] = i * LARGE_PAGE_BYTES | LARGE_PAGE | PRESENT_WRITABLE;
        }
        return MemorySegment.ofArray(entries);
    }
}
