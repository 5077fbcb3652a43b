// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import java.lang.foreign.MemorySegment;

/** Turns a segment into the address that a call is given. */
final class Addresses {
    private Addresses() {}

    /** The address of memory that is native and still open; anything else is our bug and throws. */
    static long of(MemorySegment segment) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException("not native memory: " + segment);
        }
        if (!segment.scope().isAlive()) {
            throw new IllegalStateException("memory is closed");
        }
        return segment.address();
    }

    /** Like {@link #of(MemorySegment)}, for a call that uses {@code byteSize} bytes of it. */
    static long of(MemorySegment segment, long byteSize) {
        if (byteSize < 0 || byteSize > segment.byteSize()) {
            throw new IndexOutOfBoundsException(byteSize + " bytes of a segment of " + segment.byteSize());
        }
        return of(segment);
    }
}
