// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Mapping;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pages that go back to the host: those that were asked for as a whole, all of them, and no others. */
class DiscardTest {

    private static final long PAGE = 4096;
    private static final int MIB = 1 << 20;
    private static final byte FULL = 0x5a;

    private static GuestMemory filled(long byteSize, MemoryBacking backing) {
        GuestMemory memory = GuestMemory.create(byteSize, backing).discardable();
        memory.slice(0, byteSize).fill(FULL);
        return memory;
    }

    private static boolean isAll(MemorySegment segment, byte value) {
        for (long i = 0; i < segment.byteSize(); i++) {
            if (segment.get(ValueLayout.JAVA_BYTE, i) != value) {
                return false;
            }
        }
        return true;
    }

    private static long residentBytes() throws IOException {
        return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]) * PAGE;
    }

    /** What the process has of the host goes down by what was discarded, and up again with what is touched. */
    @ParameterizedTest
    @EnumSource(value = MemoryBacking.class, names = {"ANONYMOUS", "MEMFD"})
    void shouldGiveMemoryBackToTheHost(MemoryBacking backing) throws IOException {
        try (GuestMemory memory = filled(64 * MIB, backing)) {
            long before = residentBytes();
            assertEquals(48 * MIB, memory.discard(8 * MIB, 48 * MIB));
            long after = residentBytes();
            // The rest of this JVM moves a little at the same time.
            assertTrue(before - after > 40 * MIB, before + " bytes before, " + after + " after");
            assertTrue(isAll(memory.slice(8 * MIB, 48 * MIB), (byte) 0));
            assertTrue(isAll(memory.slice(0, 8 * MIB), FULL) && isAll(memory.slice(56 * MIB, 8 * MIB), FULL));
            memory.slice(8 * MIB, 48 * MIB).fill(FULL);
            assertTrue(residentBytes() - after > 40 * MIB);
        }
    }

    /** A file's blocks go, and with them what another mapping of it shows: that is what a process that shares it has. */
    @Test
    void shouldTakePagesFromAllWhoShareThem() {
        try (GuestMemory memory = filled(4 * MIB, MemoryBacking.MEMFD)) {
            int fd = memory.regions().getFirst().fd();
            long sectors = FileIo.fstat(fd).allocatedSectors();
            try (Mapping other = Mapping.file(fd, 0, 4 * MIB, Mapping.PROT_READ, Mapping.MAP_SHARED)) {
                assertEquals(2 * MIB, memory.discard(MIB, 2 * MIB));
                // Before anyone looks: a page that is only read is there again.
                assertEquals(sectors - 2 * MIB / 512, FileIo.fstat(fd).allocatedSectors());
                assertTrue(isAll(other.segment().asSlice(MIB, 2 * MIB), (byte) 0));
                assertTrue(isAll(other.segment().asSlice(0, MIB), FULL));
                memory.write(MIB, new byte[] {7});
                assertEquals(7, other.segment().get(ValueLayout.JAVA_BYTE, MIB));
            }
        }
    }

    /** Of a huge page only the whole goes back. */
    @Test
    void shouldDiscardHugePagesAsAWhole() {
        GuestMemory memory = null;
        try {
            memory = GuestMemory.create(4 * 2 * MIB, MemoryBacking.HUGE_PAGES).discardable();
        } catch (ErrnoException e) {
            System.err.println("SKIPPED shouldDiscardHugePagesAsAWhole: " + e.getMessage());
        }
        assumeTrue(memory != null, "no huge pages");
        try (GuestMemory huge = memory) {
            long page = huge.regions().getFirst().pageBytes();
            assertTrue(page > PAGE);
            huge.slice(0, huge.byteSize()).fill(FULL);
            assertEquals(0, huge.discard(PAGE, page));
            assertEquals(page, huge.discard(PAGE, 2 * page - PAGE));
            assertTrue(isAll(huge.slice(0, page), FULL));
            assertTrue(isAll(huge.slice(page, page), (byte) 0));
        }
    }

    /** Any range whatever: what was not asked for stays, what was not whole stays, and what is no memory is an answer. */
    @Property(tries = 150)
    @net.jqwik.api.Tag("class:length")
    void shouldDiscardWholePagesInsideTheRange(@ForAll long seed) {
        Random random = new Random(seed);
        MemoryBacking backing = random.nextBoolean() ? MemoryBacking.ANONYMOUS : MemoryBacking.MEMFD;
        int pages = 1 + random.nextInt(40);
        try (GuestMemory memory = filled(pages * PAGE, backing)) {
            BitSet gone = new BitSet();
            for (int i = 0; i < 20; i++) {
                long gpa = anywhere(random, pages);
                long byteSize = anywhere(random, pages);
                long discarded = memory.discard(gpa, byteSize);
                if (memory.find(gpa, byteSize) == null) {
                    assertEquals(-Errno.EFAULT, discarded);
                } else {
                    int first = (int) ((gpa + PAGE - 1) / PAGE);
                    int end = (int) ((gpa + byteSize) / PAGE);
                    assertEquals(Math.max(0, end - first) * PAGE, discarded);
                    gone.set(first, Math.max(first, end));
                }
            }
            for (int page = 0; page < pages; page++) {
                assertTrue(isAll(memory.slice(page * PAGE, PAGE), gone.get(page) ? 0 : FULL), "page " + page);
            }
        }
    }

    private static long anywhere(Random random, int pages) {
        return switch (random.nextInt(8)) {
            case 0 -> random.nextLong();
            case 1 -> -random.nextLong(2 * PAGE);
            case 2, 3 -> random.nextLong(pages * PAGE + 1);
            default -> random.nextInt(pages + 2) * PAGE;
        };
    }

    /** Of all kinds that this host has, whether it may be discarded or not; what was in use goes back. */
    @ParameterizedTest
    @EnumSource(MemoryBacking.class)
    void shouldReadAsZeroesOnceItIsCleared(MemoryBacking backing) {
        GuestMemory memory = null;
        try {
            memory = GuestMemory.create(8 * MIB, backing);
        } catch (ErrnoException e) {
            System.err.println("SKIPPED shouldReadAsZeroesOnceItIsCleared: " + e.getMessage());
        }
        assumeTrue(memory != null, "no such memory");
        try (GuestMemory used = memory) {
            used.slice(0, used.byteSize()).fill(FULL);
            used.clear();
            assertTrue(isAll(used.slice(0, used.byteSize()), (byte) 0));
            assertTrue(used.write(PAGE, new byte[] {7}));
        }
    }

    /** Memory that somebody may be holding on to is not discarded by mistake. */
    @Test
    @Tag("class:lifetime")
    void shouldRefuseUnlessTheMemoryIsDiscardable() {
        try (GuestMemory memory = GuestMemory.anonymous(MIB)) {
            assertFalse(memory.isDiscardable());
            assertThrows(IllegalStateException.class, () -> memory.discard(0, PAGE));
            assertTrue(memory.discardable().isDiscardable());
            assertTrue(memory.discardable().withLog(null).isDiscardable());
        }
    }

    /** Memory that another process has given is its to give back. */
    @Test
    void shouldLeaveMemoryOfAnotherProcessAlone() {
        Mapping mapping = Mapping.anonymous(MIB, Mapping.MAP_SHARED);
        try (GuestMemory memory = GuestMemory.of(List.of(GuestMemoryRegion.received(0, mapping, 0, MIB))).discardable()) {
            memory.slice(0, MIB).fill(FULL);
            assertEquals(0, memory.discard(0, MIB));
            assertTrue(isAll(memory.slice(0, MIB), FULL));
        }
    }
}
