// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * How guest memory is read and written: little-endian, at a byte offset into a segment.
 * <p>The {@code VarHandle}s are for fields that both sides touch and need the field's natural alignment; the layouts
 * are for bytes that belong to one side at the time, or that no alignment is promised for.
 */
final class GuestAccess {

    static final VarHandle U16 = handle(ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN));
    static final VarHandle U32 = handle(ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN));
    static final VarHandle U64 = handle(ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN));

    static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private GuestAccess() {
    }

    private static VarHandle handle(ValueLayout layout) {
        return layout.varHandle().withInvokeExactBehavior();
    }
}
