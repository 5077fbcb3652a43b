// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import dev.miraflores.aio.Counters;
import dev.miraflores.devices.LimitedLog;
import dev.miraflores.linux.Errno;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.util.BitSet;

/**
 * Gives pages back to the host. The balloon's pages have 4096 bytes; where the host's are larger, one goes back once all of it is
 * in the balloon, which takes a note of each.
 * <p>Pages in the balloon may be lost between their buffers only where the driver waits for the device before it takes one out
 * again: with VIRTIO_BALLOON_F_MUST_TELL_HOST (virtio 1.3 §5.5.6.2). A driver without gets back to the host what is whole
 * within one run of pages.
 * <p>Thread: the I/O thread.
 */
final class BalloonPages {

    static final int PAGE_SHIFT = 12;
    static final long PAGE_BYTES = 1L << PAGE_SHIFT;

    private final GuestMemory memory;
    private final Counters<BalloonCounter> counters;
    private final LimitedLog log;
    /** The pages in the balloon, by their place in the memory's file; null where they need not be known. */
    private final BitSet inBalloon;

    /** @param mustTellHost whether the driver waits for the device before it uses a page out of the balloon */
    BalloonPages(GuestMemory memory, boolean mustTellHost, Counters<BalloonCounter> counters, LimitedLog log) {
        this.memory = memory;
        this.counters = counters;
        this.log = log;
        inBalloon = mustTellHost && hasLargePages(memory) ? new BitSet((int) (memory.byteSize() >>> PAGE_SHIFT)) : null;
    }

    private static boolean hasLargePages(GuestMemory memory) {
        for (GuestMemoryRegion region : memory.regions()) {
            if (region.pageBytes() > PAGE_BYTES) {
                return true;
            }
        }
        return false;
    }

    GuestMemory memory() {
        return memory;
    }

    /** A run of pages inside {@code region} goes into the balloon. */
    void inflate(GuestMemoryRegion region, long gpa, long byteSize) {
        counters.add(BalloonCounter.INFLATED_PAGES, byteSize >>> PAGE_SHIFT);
        if (inBalloon == null) {
            discard(gpa, byteSize);
            return;
        }
        int first = indexOf(region, gpa);
        int end = first + (int) (byteSize >>> PAGE_SHIFT);
        inBalloon.set(first, end);
        int perHostPage = (int) (Math.max(region.pageBytes(), PAGE_BYTES) >>> PAGE_SHIFT);
        for (int page = first & -perHostPage; page < end; page += perHostPage) {
            if (inBalloon.nextClearBit(page) >= page + perHostPage) {
                discard(gpa + ((long) (page - first) << PAGE_SHIFT), (long) perHostPage << PAGE_SHIFT);
            }
        }
    }

    /** A run of pages inside {@code region} leaves the balloon: the host gives memory for it when it is used. */
    void deflate(GuestMemoryRegion region, long gpa, long byteSize) {
        counters.add(BalloonCounter.DEFLATED_PAGES, byteSize >>> PAGE_SHIFT);
        if (inBalloon != null) {
            int first = indexOf(region, gpa);
            inBalloon.clear(first, first + (int) (byteSize >>> PAGE_SHIFT));
        }
    }

    private static int indexOf(GuestMemoryRegion region, long gpa) {
        return (int) (region.fileOffset() + (gpa - region.gpa()) >>> PAGE_SHIFT);
    }

    /** What is in the range is not needed any more. */
    void discard(long gpa, long byteSize) {
        long discarded = memory.discard(gpa, byteSize);
        if (discarded > 0) {
            counters.increment(BalloonCounter.DISCARDS);
            counters.add(BalloonCounter.DISCARDED_BYTES, discarded);
        } else if (discarded < 0) {
            counters.increment(BalloonCounter.DISCARD_ERRORS);
            refused((int) -discarded, gpa, byteSize);
        }
    }

    private void refused(int errno, long gpa, long byteSize) {
        log.log(System.Logger.Level.WARNING, "the host did not take " + byteSize + " bytes at guest address 0x"
            + Long.toHexString(gpa) + " back: " + Errno.name(errno));
    }
}
