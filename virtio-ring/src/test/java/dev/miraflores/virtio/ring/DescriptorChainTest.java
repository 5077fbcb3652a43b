// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.RingFixture.BUFFER_GPA;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Reading and writing a chain's bytes, however the driver has framed them (virtio 1.3 §2.7.4.1). */
class DescriptorChainTest {

    private static final QueueGeometry GEOMETRY = new QueueGeometry(64, 0x1000, 0x2000, 0x3000);

    /** A chain of random elements, some of no bytes, some in the second region, and its bytes as one array. */
    private static final class Framed implements AutoCloseable {
        final RingFixture ring = new RingFixture(64);
        final GuestMemory memory = ring.memory;
        final byte[] readable;
        final byte[] writable;
        final DescriptorChain chain;

        Framed(Random random) {
            VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, 0);
            BufferElements elements = new BufferElements();
            ByteBuffer read = ByteBuffer.allocate(4096);
            ByteBuffer write = ByteBuffer.allocate(4096);
            int readableCount = random.nextInt(6);
            int count = readableCount + 1 + random.nextInt(6);
            long apart = RingFixture.APART_GPA + random.nextInt(64);
            long near = BUFFER_GPA + random.nextInt(64);
            for (int i = 0; i < count; i++) {
                byte[] bytes = new byte[random.nextInt(4) == 0 ? 0 : random.nextInt(20)];
                random.nextBytes(bytes);
                boolean far = random.nextInt(3) == 0;
                long gpa = far ? apart : near;
                memory.write(gpa, bytes);
                if (i < readableCount) {
                    elements.readable(gpa, bytes.length);
                    read.put(bytes);
                } else {
                    elements.writable(gpa, bytes.length);
                    write.put(bytes);
                }
                if (far) {
                    apart += bytes.length + random.nextInt(3);
                } else {
                    near += bytes.length + random.nextInt(3);
                }
            }
            readable = Arrays.copyOf(read.array(), read.position());
            writable = Arrays.copyOf(write.array(), write.position());
            driver.add(elements);
            driver.publish();
            chain = Virtqueue.create(memory, GEOMETRY, 0).popChain();
            assertEquals(readable.length, chain.readableBytes());
            assertEquals(writable.length, chain.writableBytes());
        }

        byte[] writableNow() {
            ByteBuffer now = ByteBuffer.allocate(writable.length);
            for (int i = chain.readableCount(); i < chain.count(); i++) {
                byte[] bytes = new byte[(int) chain.length(i)];
                memory.read(chain.address(i), bytes);
                now.put(bytes);
            }
            return now.array();
        }

        @Override
        public void close() {
            ring.close();
        }
    }

    @Property(tries = 300)
    void readsAnyBytesAtAnyOffset(@ForAll long seed) {
        try (Framed framed = new Framed(new Random(seed))) {
            ByteBuffer expected = ByteBuffer.wrap(framed.readable).order(ByteOrder.LITTLE_ENDIAN);
            DescriptorChain chain = framed.chain;
            int total = framed.readable.length;
            for (int offset = -2; offset <= total + 1; offset++) {
                int at = offset;
                if (at >= 0 && at + 1 <= total) {
                    assertEquals(expected.get(at), chain.readByte(at));
                } else {
                    assertThrows(IndexOutOfBoundsException.class, () -> chain.readByte(at));
                }
                if (at >= 0 && at + 2 <= total) {
                    assertEquals(expected.getShort(at), chain.readShort(at));
                } else {
                    assertThrows(IndexOutOfBoundsException.class, () -> chain.readShort(at));
                }
                if (at >= 0 && at + 4 <= total) {
                    assertEquals(expected.getInt(at), chain.readInt(at));
                } else {
                    assertThrows(IndexOutOfBoundsException.class, () -> chain.readInt(at));
                }
                if (at >= 0 && at + 8 <= total) {
                    assertEquals(expected.getLong(at), chain.readLong(at));
                } else {
                    assertThrows(IndexOutOfBoundsException.class, () -> chain.readLong(at));
                }
                for (int length = 0; at >= 0 && at + length <= total; length++) {
                    byte[] into = new byte[length + 2];
                    chain.read(at, MemorySegment.ofArray(into), 1, length);
                    assertArrayEquals(Arrays.copyOfRange(framed.readable, at, at + length),
                        Arrays.copyOfRange(into, 1, length + 1));
                    assertEquals(0, into[0] | into[length + 1]);
                }
            }
            assertThrows(IndexOutOfBoundsException.class,
                () -> chain.read(0, MemorySegment.ofArray(new byte[total + 1]), 0, total + 1));
        }
    }

    @Property(tries = 300)
    void writesAnyBytesAtAnyOffset(@ForAll long seed) {
        Random random = new Random(seed);
        try (Framed framed = new Framed(random)) {
            ByteBuffer expected = ByteBuffer.wrap(framed.writable).order(ByteOrder.LITTLE_ENDIAN);
            DescriptorChain chain = framed.chain;
            int total = framed.writable.length;
            for (int i = 0; i < 30; i++) {
                int at = random.nextInt(total + 4) - 2;
                long value = random.nextLong();
                int byteSize = 1 << random.nextInt(4);
                if (at < 0 || at + byteSize > total) {
                    assertThrows(IndexOutOfBoundsException.class, () -> store(chain, at, value, byteSize));
                } else {
                    store(chain, at, value, byteSize);
                    for (int b = 0; b < byteSize; b++) {
                        expected.put(at + b, (byte) (value >>> 8 * b));
                    }
                }
                int from = random.nextInt(total + 1);
                byte[] bytes = new byte[random.nextInt(total - from + 1)];
                random.nextBytes(bytes);
                chain.write(from, MemorySegment.ofArray(bytes), 0, bytes.length);
                System.arraycopy(bytes, 0, framed.writable, from, bytes.length);
                assertArrayEquals(framed.writable, framed.writableNow());
            }
            assertThrows(IndexOutOfBoundsException.class,
                () -> chain.write(0, MemorySegment.ofArray(new byte[total + 1]), 0, total + 1));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.write(-1, MemorySegment.ofArray(new byte[1]), 0, 1));
            // Readable bytes are as they were: §2.7.5.1.
            byte[] readable = new byte[framed.readable.length];
            chain.read(0, MemorySegment.ofArray(readable), 0, readable.length);
            assertArrayEquals(framed.readable, readable);
        }
    }

    private static void store(DescriptorChain chain, long at, long value, int byteSize) {
        switch (byteSize) {
            case 1 -> chain.writeByte(at, (byte) value);
            case 2 -> chain.writeShort(at, (short) value);
            case 4 -> chain.writeInt(at, (int) value);
            default -> chain.writeLong(at, value);
        }
    }

    @Property(tries = 300)
    void describesAnyRangeByIovecs(@ForAll long seed) {
        Random random = new Random(seed);
        try (Framed framed = new Framed(random)) {
            DescriptorChain chain = framed.chain;
            for (int i = 0; i < 20; i++) {
                boolean writable = random.nextBoolean();
                long total = writable ? chain.writableBytes() : chain.readableBytes();
                long from = random.nextInt((int) total + 1);
                long length = random.nextInt((int) (total - from) + 1);
                MemorySegment iovecs = MemorySegment.ofArray(new long[2 * 12 + 1]);
                int count = writable ? chain.putWritableIovecs(from, length, iovecs, 8)
                    : chain.putReadableIovecs(from, length, iovecs, 8);
                assertIovecs(chain, writable ? chain.readableCount() : 0, from, length, iovecs, count);
            }
            MemorySegment none = MemorySegment.ofArray(new long[2]);
            assertThrows(IndexOutOfBoundsException.class,
                () -> chain.putReadableIovecs(0, chain.readableBytes() + 1, none, 0));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.putWritableIovecs(-1, 1, none, 0));
        }
    }

    /** Byte by byte: the host address of each byte of the range is where the iovecs say. */
    private static void assertIovecs(DescriptorChain chain, int element, long from, long length, MemorySegment iovecs,
            int count) {
        int vec = 0;
        long inVec = 0;
        long passed = 0;
        int i = element;
        for (long offset = from; offset < from + length; offset++) {
            while (offset - passed >= chain.length(i)) {
                passed += chain.length(i++);
            }
            if (inVec == iovecs.get(ValueLayout.JAVA_LONG_UNALIGNED, 8 + 16L * vec + 8)) {
                vec++;
                inVec = 0;
            }
            assertEquals(chain.hostAddress(i) + offset - passed,
                iovecs.get(ValueLayout.JAVA_LONG_UNALIGNED, 8 + 16L * vec) + inVec);
            inVec++;
        }
        assertEquals(length == 0 ? 0 : vec + 1, count);
    }

    /** An earlier chain's elements are not to be had from a shorter one. */
    @Test
    void shouldRejectElementsThatTheChainHasNot() {
        try (RingFixture ring = new RingFixture(4)) {
            ring.descriptor(0, BUFFER_GPA, 16, RingFixture.NEXT, 1);
            ring.descriptor(1, BUFFER_GPA, 16, 0, 0);
            ring.expose(0);
            ring.expose(1);
            Virtqueue queue = ring.device();
            assertEquals(2, queue.popChain().count());
            DescriptorChain chain = queue.popChain();
            assertEquals(1, chain.count());
            for (int i : new int[] {-1, 1, 4}) {
                assertThrows(IndexOutOfBoundsException.class, () -> chain.address(i));
                assertThrows(IndexOutOfBoundsException.class, () -> chain.hostAddress(i));
                assertThrows(IndexOutOfBoundsException.class, () -> chain.length(i));
                assertThrows(IndexOutOfBoundsException.class, () -> chain.isWritable(i));
            }
        }
    }

    /** What there is of each kind is this chain's, not that of the one before, which was larger. */
    @Test
    void shouldHaveNothingOfTheChainBefore() {
        try (RingFixture ring = new RingFixture(4)) {
            ring.descriptor(0, BUFFER_GPA, 64, RingFixture.NEXT, 1);
            ring.descriptor(1, BUFFER_GPA, 32, RingFixture.WRITE, 0);
            ring.descriptor(2, BUFFER_GPA, 16, RingFixture.WRITE, 0);
            ring.expose(0);
            ring.expose(2);
            Virtqueue queue = ring.device();
            queue.popChain();
            DescriptorChain chain = queue.popChain();
            assertEquals(0, chain.readableBytes());
            assertEquals(16, chain.writableBytes());
            assertThrows(IndexOutOfBoundsException.class, () -> chain.readShort(0));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.readInt(0));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.readLong(0));
        }
    }

    @Test
    void shouldReadNumbersUpToTheLastByteAndNotBeforeTheFirst() {
        try (RingFixture ring = new RingFixture(4)) {
            ring.descriptor(0, BUFFER_GPA, 16, 0, 0);
            ring.expose(0);
            DescriptorChain chain = ring.device().popChain();
            assertEquals(0, chain.readLong(8));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.readLong(9));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.readInt(13));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.readShort(15));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.readShort(-1));
        }
    }

    /** A malformed chain gives nothing away. */
    @Test
    void shouldHaveNothingToReadOrWriteWhenMalformed() {
        try (RingFixture ring = new RingFixture(4)) {
            ring.descriptor(0, BUFFER_GPA, 16, RingFixture.NEXT, 1);
            ring.descriptor(1, BUFFER_GPA, 16, RingFixture.NEXT | RingFixture.WRITE, 4);
            ring.expose(0);
            DescriptorChain chain = ring.device().popChain();
            assertEquals(DriverFault.NEXT_OUT_OF_RANGE, chain.fault());
            assertThrows(IndexOutOfBoundsException.class, () -> chain.readLong(0));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.readByte(0));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.writeByte(0, (byte) 1));
            assertThrows(IndexOutOfBoundsException.class, () -> chain.hostAddress(0));
        }
    }
}
