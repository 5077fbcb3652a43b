// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import java.lang.foreign.MemorySegment;

/** Random bytes from the kernel: getrandom(2). */
public final class Entropy {
    private static final MemorySegment GETRANDOM = Libc.symbol("getrandom");

    private Entropy() {}

    /**
     * Fills memory of this process from {@code address} on.
     *
     * <p>Thread: any.
     *
     * @return how many bytes were filled, which a signal may make fewer than {@code byteSize}, or −errno
     */
    public static long fill(long address, long byteSize) {
        return Libc.callLong(GETRANDOM, address, byteSize, 0, 0);
    }
}
