// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.aio.BlockIo.Operation;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** Against the buffers' bytes in one row: each part of a request is of the bytes behind the last part's, of whatever lengths both are. */
class BufferCursorProperties {

    private enum Verb { ADD, READ, WRITE, CLEAR }

    private record Part(Verb verb, int byteCount) {
    }

    @Provide
    Arbitrary<Part> parts() {
        return Combinators.combine(Arbitraries.of(Verb.class), Arbitraries.integers().between(0, 90)).as(Part::new);
    }

    @Property(tries = 1000)
    void shouldGoThroughAllBytesOnce(@ForAll @Size(max = 12) List<@IntRange(max = 40) Integer> lengths,
            @ForAll @Size(max = 12) List<@From("parts") Part> parts) {
        try (Arena arena = Arena.ofConfined()) {
            Buffers buffers = new Buffers(arena, lengths);
            BufferCursor cursor = new BufferCursor();
            cursor.start(buffers.io);
            byte[] row = buffers.row();
            int at = 0;
            for (Part part : parts) {
                int count = Math.min(part.byteCount, row.length - at);
                switch (part.verb) {
                    case ADD -> assertArrayEquals(slice(row, at, count), buffers.added(cursor, arena, count));
                    case READ -> assertArrayEquals(slice(row, at, count), buffers.read(cursor, count));
                    case WRITE -> {
                        byte[] bytes = pattern(count, 100);
                        cursor.write(buffers.memory, MemorySegment.ofArray(bytes), 0, count);
                        System.arraycopy(bytes, 0, row, at, count);
                    }
                    case CLEAR -> {
                        cursor.clear(buffers.memory, count);
                        System.arraycopy(new byte[count], 0, row, at, count);
                    }
                }
                at += count;
                assertArrayEquals(row, buffers.row(), () -> "after " + part);
            }
            cursor.start(buffers.io);
            assertArrayEquals(row, buffers.read(cursor, row.length), "from the start again");
        }
    }

    private static byte[] slice(byte[] row, int from, int count) {
        return Arrays.copyOfRange(row, from, from + count);
    }

    private static byte[] pattern(int count, int first) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (first + i);
        }
        return bytes;
    }

    /** A request whose buffers lie apart, from the last to the first. */
    private static final class Buffers {

        private static final int APART = 64;

        final MemorySegment block;
        final IoMemory memory;
        final TestIo io;
        private final List<Integer> lengths;

        Buffers(Arena arena, List<Integer> lengths) {
            this.lengths = lengths;
            block = arena.allocate((long) APART * (lengths.size() + 1));
            MemorySegment.copy(pattern((int) block.byteSize(), 1), 0, block, ValueLayout.JAVA_BYTE, 0, (int) block.byteSize());
            memory = IoMemory.of(List.of(block));
            MemorySegment[] buffers = new MemorySegment[lengths.size()];
            for (int i = 0; i < buffers.length; i++) {
                buffers[i] = buffer(i);
            }
            io = new TestIo(arena).with(Operation.READ, 0, buffers);
            assertEquals(lengths.stream().mapToLong(Integer::longValue).sum(), io.byteCount());
        }

        private MemorySegment buffer(int i) {
            return block.asSlice((long) APART * (lengths.size() - i), lengths.get(i));
        }

        byte[] row() {
            ByteArrayOutputStream row = new ByteArrayOutputStream();
            for (int i = 0; i < lengths.size(); i++) {
                row.writeBytes(buffer(i).toArray(ValueLayout.JAVA_BYTE));
            }
            return row.toByteArray();
        }

        byte[] read(BufferCursor cursor, int count) {
            byte[] bytes = new byte[count];
            cursor.read(memory, MemorySegment.ofArray(bytes), 0, count);
            return bytes;
        }

        byte[] added(BufferCursor cursor, Arena arena, int count) {
            TestIo part = new TestIo(arena).with(Operation.READ, 0);
            cursor.addTo(part, count);
            assertEquals(count, part.byteCount());
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            for (int i = 0; i < part.bufferCount(); i++) {
                bytes.writeBytes(block.asSlice(part.bufferAddress(i) - block.address(), part.bufferLength(i))
                    .toArray(ValueLayout.JAVA_BYTE));
            }
            return bytes.toByteArray();
        }
    }
}
