// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class IoMemoryTest {

    private static final int PART_BYTES = 2 << 20;

    private final MemorySegment block = Arena.ofAuto().allocate(8 * PART_BYTES, 4096);
    private final MemorySegment low = block.asSlice(0, 3 * PART_BYTES);
    private final MemorySegment high = block.asSlice(5 * PART_BYTES, PART_BYTES + 4096);
    private final IoMemory memory = IoMemory.of(List.of(low, high));

    @Test
    void shouldNumberThePartsOfAllSegments() {
        assertEquals(5, memory.partCount());
        assertEquals(0, memory.partOf(low.address(), 1));
        assertEquals(2, memory.partOf(low.address() + 3 * PART_BYTES - 512, 512));
        assertEquals(3, memory.partOf(high.address(), PART_BYTES));
        assertEquals(4, memory.partOf(high.address() + PART_BYTES, 4096));
        long covered = 0;
        for (int part = 0; part < memory.partCount(); part++) {
            assertEquals(part, memory.partOf(memory.partAddress(part), memory.partLength(part)));
            covered += memory.partLength(part);
        }
        assertEquals(low.byteSize() + high.byteSize(), covered);
    }

    @Test
    void shouldFindNoPartForWhatIsInNoneOrInTwo() {
        assertEquals(-1, memory.partOf(low.address() + PART_BYTES - 256, 512));
        assertEquals(-1, memory.partOf(low.address() - 1, 1));
        assertEquals(-1, memory.partOf(low.address() + 3 * PART_BYTES, 1));
        assertEquals(-1, memory.partOf(high.address() + high.byteSize() - 511, 512));
        assertEquals(-1, IoMemory.NONE.partOf(0, 1));
    }

    @Test
    void shouldHaveNoMorePartsThanARingTakes() {
        // Addresses only; nothing is touched.
        MemorySegment huge = MemorySegment.NULL.asSlice(0, 0);
        assertEquals(0, IoMemory.of(List.of(huge)).partCount());
        assertTrue(memory.partCount() <= 1 << 14);
    }

    @Test
    void shouldCopyAcrossSegmentsThatTouch() {
        IoMemory touching = IoMemory.of(List.of(block.asSlice(0, 4096), block.asSlice(4096, 4096)));
        byte[] data = {1, 2, 3, 4, 5, 6};
        touching.write(block.address() + 4093, MemorySegment.ofArray(data), 0, 6);
        assertArrayEquals(data, block.asSlice(4093, 6).toArray(ValueLayout.JAVA_BYTE));
        byte[] back = new byte[6];
        touching.read(block.address() + 4093, MemorySegment.ofArray(back), 0, 6);
        assertArrayEquals(data, back);
        touching.clear(block.address() + 4094, 4);
        assertArrayEquals(new byte[] {1, 0, 0, 0, 0, 6}, block.asSlice(4093, 6).toArray(ValueLayout.JAVA_BYTE));
        assertThrows(IllegalStateException.class,
            () -> touching.read(block.address() + 8190, MemorySegment.ofArray(back), 0, 6));
    }
}
