// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.miraflores.linux.AioSyscalls;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

@NeedsLinuxAio
class AioRingTest {

    private final MemorySegment header = Arena.ofAuto().allocate(AioRing.HEADER_BYTES, 8);

    private int capacity(int field, int value) {
        header.set(ValueLayout.JAVA_INT, AioRing.NR, 127);
        header.set(ValueLayout.JAVA_INT, AioRing.MAGIC, AioRing.MAGIC_VALUE);
        header.set(ValueLayout.JAVA_INT, AioRing.INCOMPAT_FEATURES, 0);
        header.set(ValueLayout.JAVA_INT, AioRing.HEADER_LENGTH, AioRing.HEADER_BYTES);
        header.set(ValueLayout.JAVA_INT, field, value);
        return AioRing.capacity(header);
    }

    @Test
    void shouldReadOnlyWhatItKnows() {
        assertEquals(127, capacity(AioRing.NR, 127));
        assertEquals(127, capacity(AioRing.ID, 99));
        assertEquals(0, capacity(AioRing.MAGIC, 0xA10A10A2));
        assertEquals(0, capacity(AioRing.INCOMPAT_FEATURES, 1));
        assertEquals(0, capacity(AioRing.HEADER_LENGTH, 64));
        assertEquals(0, capacity(AioRing.NR, 0));
        assertEquals(0, capacity(AioRing.NR, -1));
        assertEquals(0, capacity(AioRing.NR, Integer.MAX_VALUE));
    }

    /** Linux is what we know; were it not, engines would go on by calls, and nobody would notice but by their speed. */
    @Test
    void shouldKnowThisKernels() {
        long context = AioSyscalls.setup(8);
        AioRing ring = AioRing.of(context);
        assertNotNull(ring);
        assertEquals(0, ring.ready());
        AioSyscalls.destroy(context);
    }
}
