// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class DirtyLogTest {

    private static final int PAGES = 256;

    /** vhost-user, "Migration": page = addr / 4096, log[page / 8] |= 1 << page % 8. */
    @Property(tries = 300)
    void shouldMarkEveryPageThatHasAByte(
            @ForAll @LongRange(min = 0, max = PAGES * 4096L + 9999) long gpa, @ForAll @LongRange(min = 0, max = 700_000) long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bitmap = arena.allocate(PAGES / 8, 8);
            new DirtyLog(bitmap).mark(gpa, bytes);

            BitSet expected = new BitSet();
            if (bytes > 0 && gpa / 4096 < PAGES) {
                expected.set((int) (gpa / 4096), (int) Math.min(PAGES, (gpa + bytes - 1) / 4096 + 1));
            }
            assertEquals(expected, BitSet.valueOf(bitmap.toArray(ValueLayout.JAVA_BYTE)));
        }
    }

    @Test
    void shouldIgnoreWhatIsNoAddress() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bitmap = arena.allocate(PAGES / 8, 8);
            DirtyLog log = new DirtyLog(bitmap);
            log.mark(-1, 10);
            log.mark(Long.MAX_VALUE, Long.MAX_VALUE);
            log.mark(0, -1);

            assertEquals(new BitSet(), BitSet.valueOf(bitmap.toArray(ValueLayout.JAVA_BYTE)));
        }
    }

    /** Two regions that happen to be neighbours in this process are not for the guest. */
    @Test
    void shouldFindThePageOfAHostAddress() {
        GuestMemoryRegion low = GuestMemoryRegion.anonymous(0, 4 * 4096);
        GuestMemoryRegion high = GuestMemoryRegion.anonymous(100 * 4096, 4 * 4096);
        try (Arena arena = Arena.ofConfined(); GuestMemory memory = GuestMemory.of(List.of(low, high))) {
            MemorySegment bitmap = arena.allocate(PAGES / 8, 8);
            DirtyLog log = new DirtyLog(bitmap);
            log.markHost(memory, high.hostAddress() + 2 * 4096 + 5, 4096);
            log.markHost(memory, low.hostAddress() + 3 * 4096, 1);
            log.markHost(memory, 1, 1);

            BitSet expected = new BitSet();
            expected.set(102, 104);
            expected.set(3);
            assertEquals(expected, BitSet.valueOf(bitmap.toArray(ValueLayout.JAVA_BYTE)));

            assertNull(memory.dirtyLog());
            assertSame(log, memory.withLog(log).dirtyLog());
            assertEquals(memory.regions(), memory.withLog(log).regions());
        }
    }
}
