// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.ErrnoException;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Guest memory twice: {@link #guest}, which the device under test reads and writes, and beside it what each byte should
 * be. The driver stores in both, the reference in the second one only; they are compared.
 * <pre>  0x0_0000_0000   lowBytes  rings, tables, buffers
 *   lowBytes        4 KiB     touches it
 *   0x0_1000_0000   4 KiB     on its own
 *   0x1_0000_0000   5 GiB     for buffers of 4 GiB; missing where the host has not that much </pre>
 */
public final class ModelMemory implements AutoCloseable {

    static final long PAGE_BYTES = 0x1000;
    static final long APART_GPA = 0x1000_0000;
    static final long HUGE_GPA = 1L << 32;
    static final long HUGE_BYTES = 5L << 30;

    final GuestMemory guest;
    final long lowBytes;
    final boolean hasHuge;
    private final List<Plane> planes = new ArrayList<>();

    public ModelMemory(long lowBytes) {
        this.lowBytes = lowBytes;
        List<GuestMemoryRegion> regions = new ArrayList<>(List.of(GuestMemoryRegion.anonymous(0, lowBytes),
            GuestMemoryRegion.anonymous(lowBytes, PAGE_BYTES), GuestMemoryRegion.anonymous(APART_GPA, PAGE_BYTES)));
        GuestMemoryRegion huge = huge();
        this.hasHuge = huge != null;
        regions.forEach(region -> planes.add(new Dense(region)));
        if (hasHuge) {
            regions.add(huge);
            planes.add(new Sparse(huge));
        }
        this.guest = GuestMemory.of(regions);
    }

    private static GuestMemoryRegion huge() {
        try {
            return GuestMemoryRegion.anonymous(HUGE_GPA, HUGE_BYTES);
        } catch (ErrnoException e) {
            return null; // no more than the host promises: the other regions will do
        }
    }

    /** Zeroes everywhere. */
    void clear() {
        planes.forEach(Plane::clear);
    }

    /** Whether one region holds all of it. No bytes are also held just past the end of a region. */
    boolean has(long gpa, long byteSize) {
        for (Plane plane : planes) {
            if (plane.holds(gpa, byteSize)) {
                return true;
            }
        }
        return false;
    }

    /** What the little-endian number of {@code byteSize} bytes at {@code gpa} should be. */
    long number(long gpa, int byteSize) {
        Plane plane = plane(gpa, byteSize);
        long value = 0;
        for (int i = 0; i < byteSize; i++) {
            value |= (plane.get(gpa + i) & 0xFFL) << 8 * i;
        }
        return value;
    }

    /** The device has stored this, or should have. */
    void deviceStores(long gpa, int byteSize, long value) {
        Plane plane = plane(gpa, byteSize);
        for (int i = 0; i < byteSize; i++) {
            plane.set(gpa + i, (byte) (value >>> 8 * i));
        }
    }

    /** The driver stores; where that is not memory, nothing happens. */
    void driverStores(long gpa, int byteSize, long value) {
        if (has(gpa, byteSize)) {
            byte[] bytes = new byte[byteSize];
            for (int i = 0; i < byteSize; i++) {
                bytes[i] = (byte) (value >>> 8 * i);
            }
            assertTrue(guest.write(gpa, bytes));
            deviceStores(gpa, byteSize, value);
        }
    }

    /** The bytes of this part, which is in a small region, are what they should be. */
    void assertSame(long gpa, long byteSize) {
        Dense plane = (Dense) plane(gpa, byteSize);
        long from = gpa - plane.region.gpa();
        long mismatch = MemorySegment.mismatch(plane.region.segment(), from, from + byteSize,
            MemorySegment.ofArray(plane.bytes), from, from + byteSize);
        if (mismatch >= 0) {
            plane.fail(from + mismatch);
        }
    }

    void assertSame() {
        planes.forEach(Plane::assertSame);
    }

    private Plane plane(long gpa, long byteSize) {
        for (Plane plane : planes) {
            if (plane.holds(gpa, byteSize)) {
                return plane;
            }
        }
        throw new AssertionError("the model touches what is no memory: gpa 0x" + Long.toHexString(gpa));
    }

    @Override
    public void close() {
        guest.close();
    }

    private abstract static class Plane {
        final GuestMemoryRegion region;

        Plane(GuestMemoryRegion region) {
            this.region = region;
        }

        final boolean holds(long gpa, long byteSize) {
            // Both may be any number at all, unsigned: an address below the region is far above its size.
            return Long.compareUnsigned(byteSize, region.byteSize()) <= 0
                && Long.compareUnsigned(gpa - region.gpa(), region.byteSize() - byteSize) <= 0;
        }

        abstract byte get(long gpa);

        abstract void set(long gpa, byte value);

        abstract void clear();

        abstract void assertSame();
    }

    private static final class Dense extends Plane {
        final byte[] bytes;

        Dense(GuestMemoryRegion region) {
            super(region);
            this.bytes = new byte[(int) region.byteSize()];
        }

        @Override
        byte get(long gpa) {
            return bytes[(int) (gpa - region.gpa())];
        }

        @Override
        void set(long gpa, byte value) {
            bytes[(int) (gpa - region.gpa())] = value;
        }

        @Override
        void clear() {
            region.segment().fill((byte) 0);
            java.util.Arrays.fill(bytes, (byte) 0);
        }

        @Override
        void assertSame() {
            long mismatch = region.segment().mismatch(MemorySegment.ofArray(bytes));
            if (mismatch >= 0) {
                fail(mismatch);
            }
        }

        void fail(long offset) {
            assertEquals(bytes[(int) offset], region.segment().get(ValueLayout.JAVA_BYTE, offset),
                "byte at gpa 0x" + Long.toHexString(region.gpa() + offset));
        }
    }

    /** Only what was ever stored is looked at. */
    private static final class Sparse extends Plane {
        private final Map<Long, Byte> bytes = new HashMap<>();

        Sparse(GuestMemoryRegion region) {
            super(region);
        }

        @Override
        byte get(long gpa) {
            return bytes.getOrDefault(gpa, (byte) 0);
        }

        @Override
        void set(long gpa, byte value) {
            bytes.put(gpa, value);
        }

        @Override
        void clear() {
            bytes.keySet().forEach(gpa -> region.segment().set(ValueLayout.JAVA_BYTE, gpa - region.gpa(), (byte) 0));
            bytes.clear();
        }

        @Override
        void assertSame() {
            bytes.forEach((gpa, value) -> assertEquals(value,
                region.segment().get(ValueLayout.JAVA_BYTE, gpa - region.gpa()), "byte at gpa 0x" + Long.toHexString(gpa)));
        }
    }
}
