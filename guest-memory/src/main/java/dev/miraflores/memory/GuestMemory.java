// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.memory;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * All memory of one guest: the regions, and the way from a guest-physical address into them.
 * <p>A range is memory when ONE region holds all of it. The regions of a PC never touch (the 32-bit hole is between
 * them), so there a range over two regions has bytes that are not memory; regions made otherwise may touch, and such
 * a range is refused all the same.
 * <p>Thread: any; closing while others read or write gives them {@link IllegalStateException}, never a crash. What the
 * kernel was told by {@link GuestMemoryRegion#hostAddress} is not covered: whoever told it drains it first.
 * <p>Lifetime: owns its regions; {@code close} unmaps them.
 */
public final class GuestMemory implements AutoCloseable {

    private final List<GuestMemoryRegion> regions;
    private final GuestMemoryRegion[] lookup;
    private final GuestMemoryRegion common;
    private final long byteSize;
    private final Fd file;
    private final DirtyLog dirtyLog;
    private final boolean discardable;

    GuestMemory(List<GuestMemoryRegion> regions, Fd file) {
        this(regions, file, null, false);
    }

    private GuestMemory(List<GuestMemoryRegion> regions, Fd file, DirtyLog dirtyLog, boolean discardable) {
        this.dirtyLog = dirtyLog;
        this.discardable = discardable;
        this.regions = List.copyOf(regions);
        this.lookup = this.regions.toArray(new GuestMemoryRegion[0]);
        this.file = file;
        long sum = 0;
        GuestMemoryRegion largest = null;
        GuestMemoryRegion previous = null;
        for (GuestMemoryRegion region : lookup) {
            if (previous != null && region.gpa() < previous.gpa() + previous.byteSize()) {
                throw new IllegalArgumentException("regions overlap or are not sorted: " + previous + ", " + region);
            }
            if (largest == null || region.byteSize() > largest.byteSize()) {
                largest = region;
            }
            sum += region.byteSize();
            previous = region;
        }
        if (largest == null) {
            throw new IllegalArgumentException("no region");
        }
        this.common = largest;
        this.byteSize = sum;
    }

    /**
     * RAM of a PC: up to 3 GiB from address 0 on, the rest from 4 GiB on.
     *
     * @param byteSize a positive multiple of 4096; for {@link MemoryBacking#HUGE_PAGES} of the huge page size
     * @throws dev.miraflores.linux.ErrnoException where the host has not that much memory of that kind
     */
    public static GuestMemory create(long byteSize, MemoryBacking backing) {
        return RamAllocator.allocate(byteSize, backing);
    }

    /** RAM private to this process, laid out as by {@link #create}. */
    public static GuestMemory anonymous(long byteSize) {
        return create(byteSize, MemoryBacking.ANONYMOUS);
    }

    /** Memory made of {@code regions}, sorted by address, none overlapping; they are closed with it. */
    public static GuestMemory of(List<GuestMemoryRegion> regions) {
        return new GuestMemory(regions, null);
    }

    /**
     * The same memory, for devices that log what they write to it.
     *
     * @param log where, or null for nowhere
     */
    public GuestMemory withLog(DirtyLog log) {
        return new GuestMemory(regions, file, log, discardable);
    }

    /**
     * The same memory, of which pages may be given back to the host by {@link #discard} while its guest runs. Whoever has the
     * kernel hold on to pages for longer than a request (buffers registered with io_uring, DMA) must leave that alone then:
     * a page that is held stays the one that the holder reads and writes, is not given back, and the guest gets another in its
     * place.
     */
    public GuestMemory discardable() {
        return new GuestMemory(regions, file, dirtyLog, true);
    }

    /** Whether pages may be discarded at any time, so that the kernel must not be had hold on to them. */
    public boolean isDiscardable() {
        return discardable;
    }

    /** Where devices log what they write to this memory, or null. {@link #write} does not. */
    public DirtyLog dirtyLog() {
        return dirtyLog;
    }

    /** The regions, by ascending address. */
    public List<GuestMemoryRegion> regions() {
        return regions;
    }

    /** Bytes in all regions. */
    public long byteSize() {
        return byteSize;
    }

    /**
     * The region that holds the whole range, or {@code null}: for any value of {@code gpa} and {@code byteSize}, both
     * unsigned. No bytes at all are held where their address is memory, or just past the end of a region.
     */
    public GuestMemoryRegion find(long gpa, long byteSize) {
        GuestMemoryRegion region = common;
        return region.holds(gpa, byteSize) ? region : findAmongAll(gpa, byteSize);
    }

    private GuestMemoryRegion findAmongAll(long gpa, long byteSize) {
        for (GuestMemoryRegion region : lookup) {
            if (region.holds(gpa, byteSize)) {
                return region;
            }
        }
        return null;
    }

    /** The region that this process has at {@code hostAddress}, or null. */
    public GuestMemoryRegion findHost(long hostAddress) {
        for (GuestMemoryRegion region : lookup) {
            long offset = hostAddress - region.hostAddress();
            if (offset >= 0 && offset < region.byteSize()) {
                return region;
            }
        }
        return null;
    }

    /** The range as a segment, or {@code null} where it is not memory. Allocates: for set-up, not for requests. */
    public MemorySegment slice(long gpa, long byteSize) {
        GuestMemoryRegion region = find(gpa, byteSize);
        return region == null ? null : region.segment().asSlice(gpa - region.gpa(), byteSize);
    }

    /** Fills {@code into} from {@code gpa} on; does nothing and answers false where the range is not memory. */
    public boolean read(long gpa, MemorySegment into) {
        GuestMemoryRegion region = find(gpa, into.byteSize());
        if (region == null) {
            return false;
        }
        MemorySegment.copy(region.segment(), gpa - region.gpa(), into, 0, into.byteSize());
        return true;
    }

    /** As {@link #read(long, MemorySegment)}. */
    public boolean read(long gpa, byte[] into) {
        GuestMemoryRegion region = find(gpa, into.length);
        if (region == null) {
            return false;
        }
        MemorySegment.copy(region.segment(), ValueLayout.JAVA_BYTE, gpa - region.gpa(), into, 0, into.length);
        return true;
    }

    /** Stores all of {@code from} at {@code gpa}; does nothing and answers false where the range is not memory. */
    public boolean write(long gpa, MemorySegment from) {
        GuestMemoryRegion region = find(gpa, from.byteSize());
        if (region == null) {
            return false;
        }
        MemorySegment.copy(from, 0, region.segment(), gpa - region.gpa(), from.byteSize());
        return true;
    }

    /** As {@link #write(long, MemorySegment)}. */
    public boolean write(long gpa, byte[] from) {
        GuestMemoryRegion region = find(gpa, from.length);
        if (region == null) {
            return false;
        }
        MemorySegment.copy(from, 0, region.segment(), ValueLayout.JAVA_BYTE, gpa - region.gpa(), from.length);
        return true;
    }

    /**
     * Gives the host back the pages that lie in the range as a whole: they read as zeroes from now on, for the guest, for this
     * process, and for any other that shares them.
     *
     * @param gpa      where, and how much: any value of either, both unsigned
     * @return bytes given back, which are fewer than {@code byteSize} where its ends are within a page; −EFAULT, and nothing
     *     has happened, where the range is not memory; or another −errno of the host's
     * @throws IllegalStateException unless the memory {@link #isDiscardable}
     */
    public long discard(long gpa, long byteSize) {
        if (!discardable) {
            throw new IllegalStateException("memory that is not discardable");
        }
        GuestMemoryRegion region = find(gpa, byteSize);
        return region == null ? -Errno.EFAULT : region.discard(gpa - region.gpa(), byteSize);
    }

    /**
     * All of it reads as zeroes from now on, as when it was made: what was in use goes back to the host, as far as that is its
     * to give again at once, and the rest is overwritten. For when no guest runs and no device, nor anything on the host that it
     * is lent to, reads or writes it; pages that the kernel holds on to (see {@link #discardable}) must have been let go of.
     */
    public void clear() {
        for (GuestMemoryRegion region : lookup) {
            region.clear();
        }
    }

    /** Unmaps everything. Once more does nothing. */
    @Override
    public void close() {
        for (GuestMemoryRegion region : lookup) {
            region.close();
        }
        if (file != null) {
            file.close();
        }
    }
}
