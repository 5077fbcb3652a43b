// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/**
 * The pages of a guest that were written to, for whoever migrates it: a bit per page of 4096 bytes, in memory that is shared
 * with who reads and clears it.
 * <pre>  byte n, bit b    page 8 * n + b, from guest-physical address 0 on </pre>
 * Whoever writes to guest memory marks the pages AFTER it has: a page that was read between the two is then read again.
 * <p>Thread: any.
 * <p>Lifetime: as long as the bitmap, which is its maker's.
 * <p>Source: QEMU's docs/interop/vhost-user.rst, "Migration".
 */
public final class DirtyLog {

    /** VHOST_LOG_PAGE. */
    private static final int PAGE_SHIFT = 12;

    private static final VarHandle WORD = ValueLayout.JAVA_INT.varHandle().withInvokeExactBehavior();
    private static final int WORD_SHIFT = 5;
    private static final int WORD_MASK = (1 << WORD_SHIFT) - 1;

    private final MemorySegment bitmap;
    private final long pages;

    /** @param bitmap a multiple of 4 bytes, so aligned; pages behind its end are not logged */
    public DirtyLog(MemorySegment bitmap) {
        this.bitmap = bitmap;
        this.pages = bitmap.byteSize() / Integer.BYTES << WORD_SHIFT;
    }

    /** Marks the pages that hold {@code byteSize} bytes from {@code gpa} on. */
    public void mark(long gpa, long byteSize) {
        if (byteSize <= 0 || gpa < 0) {
            return;
        }
        long first = gpa >>> PAGE_SHIFT;
        long last = Math.min(pages - 1, gpa + byteSize - 1 >>> PAGE_SHIFT);
        while (first <= last) {
            int from = (int) first & WORD_MASK;
            int count = (int) Math.min(last - first + 1, WORD_MASK + 1 - from);
            int bits = (count == WORD_MASK + 1 ? -1 : (1 << count) - 1) << from;
            // Also where the bits are set already: the atomic operation is the barrier between the data, which were written
            // before, and the reader, who clears the bits and then reads the data.
            int unused = (int) WORD.getAndBitwiseOr(bitmap, first >>> WORD_SHIFT << 2, bits);
            first += count;
        }
    }

    /** As {@link #mark}, for {@code byteSize} bytes of {@code memory} that this process has at {@code hostAddress}. */
    public void markHost(GuestMemory memory, long hostAddress, long byteSize) {
        long done = 0;
        while (done < byteSize) {
            GuestMemoryRegion region = memory.findHost(hostAddress + done);
            if (region == null) {
                return; // none of the guest's
            }
            long offset = hostAddress + done - region.hostAddress();
            // Buffers that follow each other here may be far apart for the guest.
            long count = Math.min(byteSize - done, region.byteSize() - offset);
            mark(region.gpa() + offset, count);
            done += count;
        }
    }
}
