// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * How guest memory is read and written: little-endian, at a byte offset into a segment.
 * <p>The {@code VarHandle}s are for fields that both sides touch and need the field's natural alignment; the layouts
 * are for bytes that belong to one side at the time, or that no alignment is promised for.
 */
final class GuestAccess {

    static final VarHandle U8 = handle(ValueLayout.JAVA_BYTE);
    static final VarHandle U16 = handle(ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN));
    static final VarHandle U32 = handle(ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN));
    static final VarHandle U64 = handle(ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN));

    static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private GuestAccess() {
    }

    /**
     * A le64 that the other side may be writing, at any alignment. Misaligned, it is put together from its bytes: each
     * is still read once, which is all that is asked, and no wider access is promised to be a single one.
     */
    static long loadLongOpaque(MemorySegment segment, long offset) {
        // The segment is a region's, so its own address is aligned to a page.
        return (offset & 7) == 0 ? (long) U64.getOpaque(segment, offset) : loadBytesOpaque(segment, offset);
    }

    private static long loadBytesOpaque(MemorySegment segment, long offset) {
        long value = 0;
        for (int i = 7; i >= 0; i--) {
            value = value << 8 | (byte) U8.getOpaque(segment, offset + i) & 0xFF;
        }
        return value;
    }

    private static VarHandle handle(ValueLayout layout) {
        return layout.varHandle().withInvokeExactBehavior();
    }
}
