// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.bindings.aio.aio_abi.io_event;
import dev.miraflores.linux.AioSyscalls;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * A Linux AIO context's completions where the kernel puts them, read in place: no call. Not in any header, but unchanged
 * since its first release, and what says so is checked.
 * <pre>   0  u32  id
 *    4  u32  nr                  events there is room for
 *    8  u32  head                the next to be taken, 0 to nr − 1; ours
 *   12  u32  tail                behind the last; the kernel's
 *   16  u32  magic               A10A10A1h
 *   20  u32  compat_features     of no concern
 *   24  u32  incompat_features   0
 *   28  u32  header_length       32
 *   32  struct io_event [nr]     data, obj, res, res2 </pre>
 * <p>Thread: the I/O thread, and nobody calls io_getevents(2) for the same context.
 * <p>Lifetime: that of the context.
 * <p>Source: {@code struct aio_ring} in Linux's fs/aio.c.
 */
final class AioRing {

    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle().withInvokeExactBehavior();

    static final int ID = 0;
    static final int NR = 4;
    static final int HEAD = 8;
    static final int TAIL = 12;
    static final int MAGIC = 16;
    static final int INCOMPAT_FEATURES = 24;
    static final int HEADER_LENGTH = 28;
    static final int HEADER_BYTES = 32;
    static final int MAGIC_VALUE = 0xA10A10A1;

    /** fs.aio-max-nr is 65536 by default; a number far beyond is none. */
    private static final int MAX_NR = 1 << 24;

    private final MemorySegment ring;
    private final int nr;
    /** Ours alone; the kernel reads what was stored. */
    private int head;

    private AioRing(MemorySegment ring, int nr) {
        this.ring = ring;
        this.nr = nr;
        this.head = ring.get(ValueLayout.JAVA_INT, HEAD);
    }

    /** That of a context, or {@code null} where it is not laid out as we know it. */
    static AioRing of(long context) {
        int nr = capacity(AioSyscalls.ring(context, HEADER_BYTES));
        return nr == 0 ? null : new AioRing(AioSyscalls.ring(context, HEADER_BYTES + nr * io_event.sizeof), nr);
    }

    /** How many events a ring with this header has room for; 0 where the header is not one that we know. */
    static int capacity(MemorySegment header) {
        int nr = header.get(ValueLayout.JAVA_INT, NR);
        boolean known = header.get(ValueLayout.JAVA_INT, MAGIC) == MAGIC_VALUE
            && header.get(ValueLayout.JAVA_INT, INCOMPAT_FEATURES) == 0
            && header.get(ValueLayout.JAVA_INT, HEADER_LENGTH) == HEADER_BYTES;
        return known && nr > 0 && nr <= MAX_NR ? nr : 0;
    }

    /** How many completions there are. */
    int ready() {
        // Acquire: events below the tail are there before they are read. Pairs with the kernel's smp_wmb in aio_complete.
        int tail = (int) INT.getAcquire(ring, (long) TAIL);
        int count = tail - head;
        return count < 0 ? count + nr : count;
    }

    /** aio_data of the next. */
    long data() {
        return ring.get(ValueLayout.JAVA_LONG, HEADER_BYTES + head * io_event.sizeof + io_event.data);
    }

    /** Result of the next: bytes, or −errno. */
    long result() {
        return ring.get(ValueLayout.JAVA_LONG, HEADER_BYTES + head * io_event.sizeof + io_event.res);
    }

    /** Gives the next one's place back. */
    void advance() {
        head = head + 1 == nr ? 0 : head + 1;
        // Release: the event has been read before the kernel may write there again.
        INT.setRelease(ring, (long) HEAD, head);
    }
}
