// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.fuzz.Choices;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.DescriptorChain;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/** Some of a buffer's bytes as the device reads and writes them, beside the model's, one at a time. */
final class DeviceBytes {

    private static final int MOST = 48;
    private static final int NEAR = 4096;
    private static final int IOVEC_BYTES = 16;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final ModelMemory memory;
    private final Choices choices;
    private final MemorySegment scratch = MemorySegment.ofArray(new byte[MOST]);
    private final MemorySegment iovecs = Arena.ofAuto().allocate((long) IOVEC_BYTES * MOST, 8);

    DeviceBytes(ModelMemory memory, Choices choices) {
        this.memory = memory;
        this.choices = choices;
    }

    void readAndWrite(DescriptorChain chain, List<Element> elements) {
        long readable = Element.bytes(elements, false);
        long writable = Element.bytes(elements, true);
        assertEquals(readable, chain.readableBytes());
        assertEquals(writable, chain.writableBytes());
        assertEquals(elements.stream().filter(Element::writable).count(), chain.writableCount());
        assertAddress(chain, elements);
        read(chain, elements, readable);
        readNumber(chain, elements, readable);
        if (choices.oneIn(8)) {
            describe(chain, elements, readable, false);
            describe(chain, elements, writable, true);
        }
        write(chain, elements, writable);
        writeLast(chain, elements, writable);
    }

    private void assertAddress(DescriptorChain chain, List<Element> elements) {
        int i = choices.below(elements.size());
        Element element = elements.get(i);
        boolean found = false;
        for (GuestMemoryRegion region : memory.guest.regions()) {
            found |= region.holds(element.gpa(), element.byteSize())
                && chain.hostAddress(i) == region.hostAddress() + element.gpa() - region.gpa();
        }
        assertTrue(found, () -> "host address of " + element);
    }

    private int count(long available) {
        return choices.below((int) Math.min(MOST, available) + 1);
    }

    private long offset(long available, int count) {
        return choices.below((int) Math.min(NEAR, available - count) + 1);
    }

    private void read(DescriptorChain chain, List<Element> elements, long readable) {
        int count = count(readable);
        long offset = offset(readable, count);
        chain.read(offset, scratch, 0, count);
        for (int i = 0; i < count; i++) {
            assertEquals((byte) memory.number(Element.gpaOf(elements, false, offset + i), 1),
                scratch.get(ValueLayout.JAVA_BYTE, i));
        }
    }

    private void readNumber(DescriptorChain chain, List<Element> elements, long readable) {
        int byteSize = 1 << choices.below(4);
        if (readable < byteSize) {
            return;
        }
        long offset = offset(readable, byteSize);
        long expected = 0;
        for (int i = 0; i < byteSize; i++) {
            expected |= memory.number(Element.gpaOf(elements, false, offset + i), 1) << 8 * i;
        }
        switch (byteSize) {
            case 1 -> assertEquals((byte) expected, chain.readByte(offset));
            case 2 -> assertEquals((short) expected, chain.readShort(offset));
            case 4 -> assertEquals((int) expected, chain.readInt(offset));
            default -> assertEquals(expected, chain.readLong(offset));
        }
    }

    /** The iovecs name the bytes of the elements, each of them once, in their order. */
    private void describe(DescriptorChain chain, List<Element> elements, long available, boolean writable) {
        int count = count(available);
        long offset = offset(available, count);
        int put = writable ? chain.putWritableIovecs(offset, count, iovecs, 0)
            : chain.putReadableIovecs(offset, count, iovecs, 0);
        long done = 0;
        for (int i = 0; i < put; i++) {
            long address = iovecs.get(LONG, (long) IOVEC_BYTES * i);
            long byteSize = iovecs.get(LONG, (long) IOVEC_BYTES * i + 8);
            for (long j = 0; j < byteSize; j++, done++) {
                long gpa = Element.gpaOf(elements, writable, offset + done);
                GuestMemoryRegion region = memory.guest.find(gpa, 1);
                assertEquals(region.hostAddress() + gpa - region.gpa(), address + j);
            }
        }
        assertEquals(count, done);
    }

    private void write(DescriptorChain chain, List<Element> elements, long writable) {
        int count = count(writable);
        long offset = offset(writable, count);
        for (int i = 0; i < count; i++) {
            scratch.set(ValueLayout.JAVA_BYTE, i, (byte) choices.number(1));
        }
        chain.write(offset, scratch, 0, count);
        for (int i = 0; i < count; i++) {
            memory.deviceStores(Element.gpaOf(elements, true, offset + i), 1, scratch.get(ValueLayout.JAVA_BYTE, i));
        }
    }

    /** The last bytes, as of a status. */
    private void writeLast(DescriptorChain chain, List<Element> elements, long writable) {
        int byteSize = 1 << choices.below(4);
        if (writable < byteSize || !isNear(Element.gpaOf(elements, true, writable - byteSize))
            || !isNear(Element.gpaOf(elements, true, writable - 1))) {
            return;
        }
        long offset = writable - byteSize;
        long value = choices.number(byteSize);
        switch (byteSize) {
            case 1 -> chain.writeByte(offset, (byte) value);
            case 2 -> chain.writeShort(offset, (short) value);
            case 4 -> chain.writeInt(offset, (int) value);
            default -> chain.writeLong(offset, value);
        }
        for (int i = 0; i < byteSize; i++) {
            memory.deviceStores(Element.gpaOf(elements, true, offset + i), 1, value >>> 8 * i);
        }
    }

    /** In the 5 GiB only some pages: those that are stored in stay with the process. */
    private static boolean isNear(long gpa) {
        return gpa < ModelMemory.HUGE_GPA || (gpa + ModelMemory.PAGE_BYTES) % (1L << 31) < 8 * ModelMemory.PAGE_BYTES;
    }
}
