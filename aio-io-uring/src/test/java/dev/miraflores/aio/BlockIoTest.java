// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class BlockIoTest {

    private final Arena arena = Arena.ofAuto();
    private final MemorySegment memory = arena.allocate(4096);

    private TestIo io(Operation operation, long offset, MemorySegment... buffers) {
        return new TestIo(arena).with(operation, offset, buffers);
    }

    @Test
    void shouldMakeOneBufferOfAdjacentOnes() {
        TestIo io = io(Operation.READ, 0, memory.asSlice(0, 512), memory.asSlice(512, 512), memory.asSlice(2048, 512));

        assertEquals(2, io.bufferCount());
        assertEquals(1536, io.byteCount());
        assertEquals(1024, io.bufferLength(0));
    }

    /** The page cache does short reads only at the end; buffers that end inside a part are put right again. */
    @Test
    void shouldGoOnAfterAPartInTheMiddleOfABuffer() {
        TestIo io = io(Operation.READ, 1000, memory.asSlice(0, 100), memory.asSlice(200, 100), memory.asSlice(400, 100));

        io.advance(150);
        assertEquals(1150, io.remainingOffset());
        assertEquals(150, io.remainingBytes());
        assertEquals(2, io.remainingBuffers());
        assertEquals(memory.address() + 250, io.remainingAddress());
        io.advance(20);
        assertEquals(memory.address() + 270, io.remainingAddress());
        io.advance(30);
        assertEquals(memory.address() + 400, io.remainingAddress());
        assertEquals(1, io.remainingBuffers());
        io.advance(1);
        io.complete(0);

        for (int i = 0; i < 3; i++) {
            assertEquals(memory.address() + 200L * i, io.bufferAddress(i));
            assertEquals(100, io.bufferLength(i));
        }
    }

    @Test
    void shouldTellOfARangeNothingOfTheRequestBefore() {
        TestIo io = io(Operation.WRITE, 512, memory.asSlice(0, 512));
        io.setDurable(true);

        io.beginRange(Operation.WRITE_ZEROES, 1024, 1L << 40, true);

        assertEquals(1L << 40, io.byteCount());
        assertEquals(0, io.bufferCount());
        assertFalse(io.isDurable());
        assertTrue(io.mayUnmap() && io.operation().isRange());
        io.begin(Operation.READ, 0);
        assertFalse(io.mayUnmap() || io.operation().isRange());
    }
}
