// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class IovecsTest {

    private final Arena arena = Arena.ofAuto();
    private final MemorySegment memory = arena.allocate(16);

    /** Bytes 0 to 2, none, 8 to 12 of the memory. */
    private final MemorySegment iovecs = arena.allocateFrom(ValueLayout.JAVA_LONG,
            memory.address(), 2, memory.address(), 0, memory.address() + 8, 4);

    @Test
    void shouldCopyToWhereTheyPoint() {
        MemorySegment from = arena.allocateFrom(ValueLayout.JAVA_BYTE, new byte[] {0, 1, 2, 3, 4, 5, 6, 7});
        assertEquals(6, Iovecs.byteSize(iovecs.address(), 0, 3));
        assertEquals(6, Iovecs.scatter(from, 1, 7, iovecs.address(), 0, 3));
        assertArrayEquals(new byte[] {1, 2, 0, 0, 0, 0, 0, 0, 3, 4, 5, 6, 0, 0, 0, 0}, memory.toArray(ValueLayout.JAVA_BYTE));
        assertEquals(1, Iovecs.scatter(from, 7, 1, iovecs.address(), 2, 1));
        assertEquals(7, memory.get(ValueLayout.JAVA_BYTE, 8));
        Iovecs.clear(iovecs.address(), 2, 3);
        assertArrayEquals(new byte[] {0, 0, 0, 6}, memory.asSlice(8, 4).toArray(ValueLayout.JAVA_BYTE));
        assertThrows(IndexOutOfBoundsException.class, () -> Iovecs.clear(iovecs.address(), 0, 3));
    }

    @Test
    void shouldClearAnyNumberOfBytes() {
        MemorySegment bytes = arena.allocate(1000);
        MemorySegment iovec = arena.allocateFrom(ValueLayout.JAVA_LONG, bytes.address() + 1, 998);
        for (int count : new int[] {0, 1, 12, 63, 64, 65, 128, 998}) {
            bytes.fill((byte) 0x55);
            Iovecs.clear(iovec.address(), 0, count);
            for (int i = 0; i < 1000; i++) {
                assertEquals(i >= 1 && i <= count ? 0 : 0x55, bytes.get(ValueLayout.JAVA_BYTE, i));
            }
        }
    }

    @Test
    void shouldCopyFromWhereTheyPoint() {
        for (int i = 0; i < 16; i++) {
            memory.set(ValueLayout.JAVA_BYTE, i, (byte) i);
        }
        MemorySegment into = arena.allocate(8);
        assertEquals(3, Iovecs.gather(iovecs.address(), 0, 3, 3, into, 1));
        assertArrayEquals(new byte[] {0, 9, 10, 11, 0, 0, 0, 0}, into.toArray(ValueLayout.JAVA_BYTE));
        MemorySegment copy = arena.allocate(64, 8);
        Iovecs.copyArray(iovecs.address(), 2, 1, copy, 16);
        assertEquals(memory.address() + 8, copy.get(ValueLayout.JAVA_LONG, 16));
        assertEquals(4, copy.get(ValueLayout.JAVA_LONG, 24));
    }
}
