// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Refcounts of 1 to 64 bits in a slice of a refcount block: whole ones are big-endian, and of several in a byte the first
 * is in the lowest bits.
 */
final class RefcountWidth {

    private static final ValueLayout.OfShort BE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt BE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong BE64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private static final int BYTE_ORDER_LOG = 3;

    private final int order;
    private final int perByteBits;
    private final int byteMask;

    /** @param order a refcount has 2 to this bits */
    RefcountWidth(int order) {
        this.order = order;
        this.perByteBits = Math.max(0, BYTE_ORDER_LOG - order);
        this.byteMask = order < BYTE_ORDER_LOG ? (1 << (1 << order)) - 1 : 0xFF;
    }

    /** The refcount, as unsigned: negative ones are huge. */
    long get(MemorySegment memory, long base, int index) {
        return switch (order) {
            case 3 -> memory.get(ValueLayout.JAVA_BYTE, base + index) & 0xFF;
            case 4 -> memory.get(BE16, base + 2L * index) & 0xFFFF;
            case 5 -> memory.get(BE32, base + 4L * index) & 0xFFFF_FFFFL;
            case 6 -> memory.get(BE64, base + 8L * index);
            default -> memory.get(ValueLayout.JAVA_BYTE, base + (index >>> perByteBits)) >>> shift(index) & byteMask;
        };
    }

    void set(MemorySegment memory, long base, int index, long value) {
        switch (order) {
            case 3 -> memory.set(ValueLayout.JAVA_BYTE, base + index, (byte) value);
            case 4 -> memory.set(BE16, base + 2L * index, (short) value);
            case 5 -> memory.set(BE32, base + 4L * index, (int) value);
            case 6 -> memory.set(BE64, base + 8L * index, value);
            default -> {
                long at = base + (index >>> perByteBits);
                int others = memory.get(ValueLayout.JAVA_BYTE, at) & ~(byteMask << shift(index));
                memory.set(ValueLayout.JAVA_BYTE, at, (byte) (others | (int) value << shift(index)));
            }
        }
    }

    private int shift(int index) {
        return (index & (1 << perByteBits) - 1) << order;
    }

    /** The first index from {@code from} up to {@code end} with a refcount of 0; {@code end} where there is none. */
    int firstFree(MemorySegment memory, long base, int from, int end) {
        int index = from;
        while (index < end && get(memory, base, index) != 0) {
            index++;
        }
        return index;
    }
}
