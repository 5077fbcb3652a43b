// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Mapping;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is guest memory, what is not, and that nothing else is ever touched. */
class GuestMemoryTest {

    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;

    private static GuestMemory threeRegions() {
        return GuestMemory.of(List.of(GuestMemoryRegion.anonymous(0x1000, 0x1000),
            GuestMemoryRegion.anonymous(0x2000, 0x3000), GuestMemoryRegion.anonymous(1L << 32, 0x2000)));
    }

    /** RAM up to 3 GiB has no second part. */
    @Test
    void shouldLayRamBelowTheHoleFirst() {
        try (GuestMemory memory = GuestMemory.anonymous(MIB)) {
            assertEquals(1, memory.regions().size());
            assertEquals(0, memory.regions().get(0).gpa());
            assertEquals(MIB, memory.byteSize());
            assertEquals(-1, memory.regions().get(0).fd());
        }
    }

    /** RAM beyond 3 GiB goes on at 4 GiB; the hole is no memory. */
    @Test
    void shouldLeaveTheHoleBetweenThreeAndFourGibibytes() {
        try (GuestMemory memory = GuestMemory.create(3 * GIB + MIB, MemoryBacking.MEMFD)) {
            GuestMemoryRegion low = memory.regions().get(0);
            GuestMemoryRegion high = memory.regions().get(1);
            assertEquals(2, memory.regions().size());
            assertEquals(0xC000_0000L, low.byteSize());
            assertEquals(1L << 32, high.gpa());
            assertEquals(MIB, high.byteSize());
            assertEquals(3 * GIB + MIB, memory.byteSize());
            assertSame(low, memory.find(0xBFFF_FFFFL, 1));
            assertNull(memory.find(0xBFFF_FFFFL, 2));
            assertNull(memory.find(0xC000_0000L, 1));
            assertNull(memory.find(0xFFFF_FFFFL, 1));
            assertNull(memory.find(0xFFFF_FFFFL, 2));
            assertSame(high, memory.find(1L << 32, MIB));
            assertNull(memory.find(1L << 32, MIB + 1));
            // One file, the second part right behind the first.
            assertTrue(low.fd() >= 0);
            assertEquals(low.fd(), high.fd());
            assertEquals(0, low.fileOffset());
            assertEquals(0xC000_0000L, high.fileOffset());
        }
    }

    /** What is written through one mapping of a memfd is seen through another: that is what it is for. */
    @Test
    void shouldShareMemfdMemory() {
        try (GuestMemory memory = GuestMemory.create(MIB, MemoryBacking.MEMFD);
                Mapping other = Mapping.file(memory.regions().get(0).fd(), 0, MIB, Mapping.PROT_READ,
                    Mapping.MAP_SHARED)) {
            assertTrue(memory.write(0x1234, new byte[] {1, 2, 3}));
            assertEquals(2, other.segment().get(ValueLayout.JAVA_BYTE, 0x1235));
        }
    }

    /** Huge pages are there in full, or the error names them and where they are set. */
    @Test
    void shouldSayWhereHugePagesAreSetWhenThereAreNotEnough() {
        long tooMuch = 1L << 45;
        ErrnoException e = assertThrows(ErrnoException.class,
            () -> GuestMemory.create(tooMuch, MemoryBacking.HUGE_PAGES));
        assertTrue(e.getMessage().contains("huge pages"), e.getMessage());
        assertTrue(e.getMessage().contains("/proc/sys/vm/nr_hugepages"), e.getMessage());
        assertFalse(e.getMessage().contains("\n"));
    }

    /** An error for more memory than there is names the amount. */
    @Test
    void shouldNameTheAmountThatTheHostHasNot() {
        ErrnoException e = assertThrows(ErrnoException.class, () -> GuestMemory.anonymous(1L << 47));
        assertTrue(e.getMessage().contains("bytes"), e.getMessage());
    }

    /** Sizes that are no RAM. */
    @Test
    void shouldRejectSizesThatAreNoPages() {
        for (long size : new long[] {0, -4096, 1, 4095, 4097, Long.MIN_VALUE}) {
            assertThrows(IllegalArgumentException.class, () -> GuestMemory.anonymous(size));
        }
    }

    /** Regions are sorted, apart, on pages, and there is one at least. */
    @Test
    void shouldRejectRegionsThatOverlapOrAreNotSorted() {
        assertThrows(IllegalArgumentException.class, () -> GuestMemory.of(List.of()));
        assertThrows(IllegalArgumentException.class, () -> GuestMemoryRegion.anonymous(0x800, 0x1000));
        assertThrows(IllegalArgumentException.class, () -> GuestMemoryRegion.anonymous(-0x1000, 0x1000));
        assertThrows(IllegalArgumentException.class,
            () -> GuestMemoryRegion.anonymous(Long.MAX_VALUE - 0xFFF, 0x1000));
        try (GuestMemoryRegion a = GuestMemoryRegion.anonymous(0, 0x2000);
                GuestMemoryRegion b = GuestMemoryRegion.anonymous(0x1000, 0x1000)) {
            assertThrows(IllegalArgumentException.class, () -> GuestMemory.of(List.of(a, b)));
            assertThrows(IllegalArgumentException.class, () -> GuestMemory.of(List.of(b, a)));
        }
    }

    /** find() means what unbounded integers say, for any 64-bit values, unsigned. */
    @Property(tries = 5000)
    void findsExactlyWhatOneRegionHolds(@ForAll long seed) {
        Random random = new Random(seed);
        long[] edges = {0, 0x1000, 0x2000, 0x5000, 1L << 32, (1L << 32) + 0x2000, 1L << 31, Long.MAX_VALUE,
            Long.MIN_VALUE, -0x1000};
        long gpa = random.nextInt(4) == 0 ? random.nextLong()
            : edges[random.nextInt(edges.length)] + random.nextInt(5) - 2;
        long size = switch (random.nextInt(4)) {
            case 0 -> random.nextLong();
            case 1 -> random.nextInt(0x4000);
            case 2 -> edges[random.nextInt(edges.length)] - gpa + random.nextInt(3) - 1;
            default -> edges[random.nextInt(edges.length)] + random.nextInt(5) - 2;
        };
        try (GuestMemory memory = threeRegions()) {
            GuestMemoryRegion expected = null;
            BigInteger start = new BigInteger(Long.toUnsignedString(gpa));
            BigInteger end = start.add(new BigInteger(Long.toUnsignedString(size)));
            for (GuestMemoryRegion region : memory.regions()) {
                if (start.compareTo(BigInteger.valueOf(region.gpa())) >= 0
                    && end.compareTo(BigInteger.valueOf(region.gpa() + region.byteSize())) <= 0) {
                    expected = region;
                }
            }
            GuestMemoryRegion found = memory.find(gpa, size);
            if (size != 0) {
                assertSame(expected, found);
            } else {
                // Between two regions that touch, no bytes at all are in either.
                assertEquals(expected == null, found == null);
            }
            MemorySegment slice = memory.slice(gpa, size);
            assertEquals(found == null, slice == null);
            if (slice != null) {
                assertEquals(found.hostAddress() + gpa - found.gpa(), slice.address());
                assertEquals(size, slice.byteSize());
            }
        }
    }

    /** Reads and writes give what was written, up to a region's last byte, and touch nothing beyond. */
    @Test
    void shouldReadAndWriteWithinARegionOnly() {
        try (GuestMemory memory = threeRegions()) {
            byte[] bytes = {1, 2, 3, 4};
            byte[] back = new byte[4];
            assertTrue(memory.write(0x4FFC, bytes));
            assertTrue(memory.read(0x4FFC, back));
            assertArrayEquals(bytes, back);
            assertTrue(memory.read(0x4FFC, MemorySegment.ofArray(back)));
            assertTrue(memory.write((1L << 32) + 8, MemorySegment.ofArray(bytes)));
            assertEquals(3, memory.slice((1L << 32) + 10, 1).get(ValueLayout.JAVA_BYTE, 0));
            for (long gpa : new long[] {0x4FFD, 0x1FFE, 0, -2, Long.MIN_VALUE, (1L << 32) - 1, (1L << 32) + 0x1FFD}) {
                assertFalse(memory.write(gpa, bytes));
                assertFalse(memory.write(gpa, MemorySegment.ofArray(bytes)));
                assertFalse(memory.read(gpa, back));
                assertFalse(memory.read(gpa, MemorySegment.ofArray(back)));
                assertNull(memory.slice(gpa, 4));
            }
            assertEquals(0, memory.slice(0x2000, 1).get(ValueLayout.JAVA_BYTE, 0));
        }
    }

    /** Each region is where its host address says. */
    @Test
    void shouldKnowItsHostAddresses() {
        try (GuestMemory memory = threeRegions()) {
            for (GuestMemoryRegion region : memory.regions()) {
                assertEquals(region.segment().address(), region.hostAddress());
                assertEquals(region.byteSize(), region.segment().byteSize());
            }
            assertNotEquals(memory.regions().get(0).hostAddress(), memory.regions().get(1).hostAddress());
            assertTrue(memory.regions().get(1).toString().contains("0x2000"));
        }
    }

    /** After close, an access is an exception; closing again is nothing. */
    @ParameterizedTest
    @EnumSource(names = {"ANONYMOUS", "MEMFD"})
    @Tag("class:lifetime")
    void shouldThrowAndNotCrashAfterClose(MemoryBacking backing) {
        GuestMemory memory = GuestMemory.create(MIB, backing);
        MemorySegment slice = memory.slice(0, 16);
        assertNotNull(slice);
        memory.close();
        memory.close();
        assertThrows(IllegalStateException.class, () -> slice.get(ValueLayout.JAVA_BYTE, 0));
        assertThrows(IllegalStateException.class, () -> memory.read(0, new byte[1]));
        assertThrows(IllegalStateException.class, () -> memory.write(0, new byte[1]));
    }

    /** Closing while others write gives them the exception, not a crash. */
    @Test
    void shouldStopWritersWhenClosed() throws InterruptedException {
        for (int round = 0; round < 20; round++) {
            GuestMemory memory = GuestMemory.anonymous(MIB);
            MemorySegment segment = memory.regions().get(0).segment();
            Throwable[] thrown = new Throwable[1];
            Thread writer = new Thread(() -> {
                try {
                    for (long i = 0;; i++) {
                        segment.set(ValueLayout.JAVA_LONG, (i & 0xFFF) << 3, i);
                    }
                } catch (IllegalStateException e) {
                    thrown[0] = e;
                }
            });
            writer.start();
            Thread.sleep(2);
            memory.close();
            writer.join(10_000);
            assertFalse(writer.isAlive());
            assertNotNull(thrown[0]);
        }
    }
}
