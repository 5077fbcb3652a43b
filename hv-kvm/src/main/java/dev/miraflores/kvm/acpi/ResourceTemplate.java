// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

/**
 * A list of resource descriptors, the value of a _CRS object (ACPI 6.3 §6.4).
 *
 * <p>Ports, interrupts and fixed memory are what a device consumes; the address spaces (bus, I/O, memory ranges) are
 * what a bridge passes on to the devices below it, so they are marked as produced.
 */
final class ResourceTemplate {
    private static final int SMALL_IRQ = 0x22;                  // 2 bytes follow, no flags: edge, active high
    private static final int SMALL_IO = 0x47;
    private static final int SMALL_END_TAG = 0x79;
    private static final int LARGE_MEMORY32_FIXED = 0x86;
    private static final int LARGE_DWORD_SPACE = 0x87;
    private static final int LARGE_WORD_SPACE = 0x88;
    private static final int LARGE_EXTENDED_INTERRUPT = 0x89;
    private static final int LARGE_QWORD_SPACE = 0x8A;

    private static final int SPACE_MEMORY = 0;
    private static final int SPACE_IO = 1;
    private static final int SPACE_BUS = 2;
    private static final int SPACE_MIN_AND_MAX_FIXED = 0x0C;    // general flags; producer, positive decode are zeros
    private static final int IO_ENTIRE_RANGE = 0x03;
    private static final int MEMORY_WRITABLE = 0x01;
    private static final int MEMORY_CACHEABLE = 0x02;

    private static final int INTERRUPT_CONSUMER = 0x01;
    private static final int INTERRUPT_EDGE = 0x02;

    private final ByteSink out = new ByteSink();

    /** The descriptors and the end tag; its checksum of zero means "not computed" (§6.4.2.9). */
    byte[] toByteArray() {
        ByteSink whole = new ByteSink();
        return whole.putBytes(out.toByteArray()).put8(SMALL_END_TAG).put8(0).toByteArray();
    }

    /** Fixed ports, decoded with all 16 bits (§6.4.2.5). */
    ResourceTemplate io(int port, int count) {
        out.put8(SMALL_IO).put8(1).put16(port).put16(port).put8(1).put8(count);
        return this;
    }

    /** One ISA interrupt: edge triggered, active high, exclusive (§6.4.2.1). */
    ResourceTemplate irq(int irq) {
        out.put8(SMALL_IRQ).put16(1 << irq);
        return this;
    }

    /** Read-write memory below 4 GiB (§6.4.3.4). */
    ResourceTemplate memory32Fixed(long gpa, long byteSize) {
        out.put8(LARGE_MEMORY32_FIXED).put16(9).put8(1).put32((int) gpa).put32((int) byteSize);
        return this;
    }

    /** One GSI, active high, exclusive (§6.4.3.6). */
    ResourceTemplate interrupt(int gsi, boolean edge) {
        out.put8(LARGE_EXTENDED_INTERRUPT).put16(6);
        out.put8(INTERRUPT_CONSUMER | (edge ? INTERRUPT_EDGE : 0)).put8(1).put32(gsi);
        return this;
    }

    ResourceTemplate busNumbers(int first, int last) {
        return wordSpace(SPACE_BUS, 0, first, last);
    }

    ResourceTemplate ioRange(int first, int last) {
        return wordSpace(SPACE_IO, IO_ENTIRE_RANGE, first, last);
    }

    /** Uncached memory that ends below 4 GiB. */
    ResourceTemplate memoryRange32(long first, long last) {
        return dwordMemory(MEMORY_WRITABLE, first, last);
    }

    /** As {@link #memoryRange32}, cacheable: the legacy video window (§6.4.3.5.5). */
    ResourceTemplate cacheableRange32(long first, long last) {
        return dwordMemory(MEMORY_WRITABLE | MEMORY_CACHEABLE, first, last);
    }

    /** Uncached memory anywhere. */
    ResourceTemplate memoryRange64(long first, long last) {
        out.put8(LARGE_QWORD_SPACE).put16(0x2B).put8(SPACE_MEMORY).put8(SPACE_MIN_AND_MAX_FIXED).put8(MEMORY_WRITABLE);
        out.put64(0).put64(first).put64(last).put64(0).put64(last - first + 1);
        return this;
    }

    private ResourceTemplate wordSpace(int space, int typeFlags, int first, int last) {
        out.put8(LARGE_WORD_SPACE).put16(0x0D).put8(space).put8(SPACE_MIN_AND_MAX_FIXED).put8(typeFlags);
        out.put16(0).put16(first).put16(last).put16(0).put16(last - first + 1);
        return this;
    }

    private ResourceTemplate dwordMemory(int typeFlags, long first, long last) {
        out.put8(LARGE_DWORD_SPACE).put16(0x17).put8(SPACE_MEMORY).put8(SPACE_MIN_AND_MAX_FIXED).put8(typeFlags);
        out.put32(0).put32((int) first).put32((int) last).put32(0).put32((int) (last - first + 1));
        return this;
    }
}
