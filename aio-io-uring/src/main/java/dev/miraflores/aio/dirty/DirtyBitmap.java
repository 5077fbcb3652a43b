// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.dirty;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Which parts of a disk were written: one bit for each granule of it.
 * <p>What lies behind the size that it was made for, because the disk grew, counts as one dirty part from there to the end of
 * what was written furthest behind.
 * <p>Thread: any, all methods; nothing locks. Each bit is changed atomically, several bits one after the other. Who marks
 * after a write has completed, and who clears before a read begins, agree: a write that the read did not see is marked
 * afterwards.
 */
public final class DirtyBitmap {

    /** Fine enough for most, and 2 MiB of memory for each TiB of disk. */
    public static final int DEFAULT_GRANULARITY = 64 * 1024;
    /** A sector: nothing smaller is written. */
    public static final int MIN_GRANULARITY = 512;
    /** Where it ends to be of any use. */
    public static final int MAX_GRANULARITY = 64 * 1024 * 1024;

    private static final int WORD_SHIFT = 6;
    private static final int BIT_MASK = Long.SIZE - 1;
    private static final long ALL = -1L;
    /** 512 MiB of memory: for 4 PiB with the usual granules. */
    private static final long MAX_WORDS = 1L << 26;

    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);
    private static final VarHandle BEYOND;

    static {
        try {
            BEYOND = MethodHandles.lookup().findVarHandle(DirtyBitmap.class, "beyondEnd", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** Takes parts of the disk. */
    @FunctionalInterface
    public interface Ranges {

        /** {@code byteCount} bytes from {@code byteOffset} on: some more, up to the next granule, than were written. */
        void range(long byteOffset, long byteCount);
    }

    private final long byteSize;
    private final int shift;
    private final long[] words;
    /** Where dirty bytes behind {@code byteSize} end; 0 where there are none. */
    private volatile long beyondEnd;

    /**
     * All clean.
     *
     * @param byteSize    of the disk
     * @param granularity bytes of a granule, a power of two from 512 to 64 MiB
     */
    public DirtyBitmap(long byteSize, int granularity) {
        if (granularity < MIN_GRANULARITY || granularity > MAX_GRANULARITY || Integer.bitCount(granularity) != 1) {
            throw new IllegalArgumentException("granularity " + granularity + " is not a power of two from "
                + MIN_GRANULARITY + " to " + MAX_GRANULARITY);
        }
        if (byteSize < 0) {
            throw new IllegalArgumentException("disk of " + byteSize + " bytes");
        }
        this.byteSize = byteSize;
        this.shift = Integer.numberOfTrailingZeros(granularity);
        long granules = byteSize + granularity - 1 >>> shift;
        long count = granules + BIT_MASK >>> WORD_SHIFT;
        if (count > MAX_WORDS) {
            throw new IllegalArgumentException("granularity " + granularity + " takes " + count * Long.BYTES
                + " bytes of memory for a disk of " + byteSize + "; use a larger one");
        }
        this.words = new long[(int) count];
    }

    /** Bytes of the disk it was made for. */
    public long byteSize() {
        return byteSize;
    }

    /** Bytes of a granule. */
    public int granularity() {
        return 1 << shift;
    }

    /** Marks all granules that {@code byteCount} bytes from {@code offset} on touch. */
    public void set(long offset, long byteCount) {
        if (byteCount <= 0) {
            return;
        }
        // The write that is marked comes first, then the looks at bits below. Weaker, and a bit that somebody is about to
        // clear, to read what was there before the write, may look set, and the write would be forgotten.
        VarHandle.fullFence();
        long end = offset + byteCount;
        if (end > byteSize) {
            setBeyond(end);
            end = byteSize;
        }
        if (offset < end) {
            setGranules(offset >>> shift, end - 1 >>> shift);
        }
    }

    private void setGranules(long first, long last) {
        int lastWord = (int) (last >>> WORD_SHIFT);
        for (int i = (int) (first >>> WORD_SHIFT); i <= lastWord; i++) {
            setBits(i, mask(i, first, last));
        }
    }

    /** A look first: most writes are to where there were others, and then no other thread's cache line is taken away. */
    private void setBits(int i, long bits) {
        if (((long) WORDS.getOpaque(words, i) & bits) != bits) {
            WORDS.getAndBitwiseOr(words, i, bits);
        }
    }

    /** The bits of word {@code i} that stand for granules from {@code first} to {@code last}. */
    private static long mask(int i, long first, long last) {
        long base = (long) i << WORD_SHIFT;
        long mask = ALL;
        if (first > base) {
            mask <<= first - base;
        }
        if (last < base + BIT_MASK) {
            mask &= ALL >>> base + BIT_MASK - last;
        }
        return mask;
    }

    private void setBeyond(long end) {
        for (long old = beyondEnd; old < end; old = beyondEnd) {
            BEYOND.compareAndSet(this, old, end);
        }
    }

    /** Marks the whole disk. */
    public void setAll() {
        set(0, byteSize);
    }

    /**
     * Clears the granules that lie whole in {@code byteCount} bytes from {@code offset} on; the last one of the disk may be
     * shorter. Reads that begin after this see all writes that were marked before it.
     */
    public void clear(long offset, long byteCount) {
        long end = Math.min(offset + byteCount, byteSize);
        long first = offset + granularity() - 1 >>> shift;
        long afterLast = end == byteSize ? end + granularity() - 1 >>> shift : end >>> shift;
        if (first >= afterLast) {
            return;
        }
        int lastWord = (int) (afterLast - 1 >>> WORD_SHIFT);
        for (int i = (int) (first >>> WORD_SHIFT); i <= lastWord; i++) {
            // Volatile: before all that the caller does next, and paired with the fence in set.
            WORDS.getAndBitwiseAnd(words, i, ~mask(i, first, afterLast - 1));
        }
    }

    /** Clears everything. */
    public void clearAll() {
        for (int i = 0; i < words.length; i++) {
            WORDS.getAndSet(words, i, 0L);
        }
        beyondEnd = 0;
    }

    /** Whether any granule that {@code byteCount} bytes from {@code offset} on touch is dirty. */
    public boolean isDirty(long offset, long byteCount) {
        long end = offset + byteCount;
        if (byteCount <= 0) {
            return false;
        }
        if (end > byteSize && offset < beyondEnd) {
            return true;
        }
        long dirty = offset < byteSize ? nextDirty(offset) : -1;
        return dirty >= 0 && dirty < end;
    }

    /**
     * Where the first dirty granule begins that ends behind {@code offset}; −1 where there is none. Nothing behind
     * {@link #byteSize} is found by this.
     */
    public long nextDirty(long offset) {
        return next(offset, 0);
    }

    /** Where the first clean granule begins that ends behind {@code offset}; {@link #byteSize} where there is none. */
    public long nextClean(long offset) {
        long clean = next(offset, ALL);
        return clean < 0 ? byteSize : clean;
    }

    /** The first granule whose bit is not as in {@code flip}. */
    private long next(long offset, long flip) {
        if (offset >= byteSize) {
            return -1;
        }
        long granule = offset >>> shift;
        int i = (int) (granule >>> WORD_SHIFT);
        long bits = ((long) WORDS.getVolatile(words, i) ^ flip) & ALL << granule;
        while (bits == 0) {
            i++;
            if (i == words.length) {
                return -1;
            }
            bits = (long) WORDS.getVolatile(words, i) ^ flip;
        }
        long found = ((long) i << WORD_SHIFT) + Long.numberOfTrailingZeros(bits) << shift;
        // Bits behind the last granule are never set, which looks clean.
        return found >= byteSize ? -1 : found;
    }

    /** How many bytes the dirty granules amount to. Goes through all of the map. */
    public long dirtyBytes() {
        long granules = 0;
        for (int i = 0; i < words.length; i++) {
            granules += Long.bitCount((long) WORDS.getOpaque(words, i));
        }
        long bytes = granules << shift;
        long over = byteSize & granularity() - 1;
        if (over != 0 && nextDirty(byteSize - 1) >= 0) {
            bytes -= granularity() - over;
        }
        return bytes + beyondBytes();
    }

    private long beyondBytes() {
        return Math.max(0, beyondEnd - byteSize);
    }

    /** Whether nothing is dirty. */
    public boolean isClean() {
        return beyondEnd == 0 && nextDirty(0) < 0;
    }

    /** Calls {@code ranges} for each dirty part, from the disk's beginning on; neighbouring granules are one. */
    public void forEach(Ranges ranges) {
        for (long start = nextDirty(0); start >= 0; ) {
            long end = nextClean(start);
            // Both looks are at a map that may be changing.
            if (end > start) {
                ranges.range(start, end - start);
            }
            start = end >= byteSize ? -1 : nextDirty(end);
        }
        long beyond = beyondBytes();
        if (beyond > 0) {
            ranges.range(byteSize, beyond);
        }
    }

    /** Marks what is dirty in {@code other}, which may have other granules. */
    public void merge(DirtyBitmap other) {
        if (other.shift == shift && other.byteSize == byteSize) {
            for (int i = 0; i < words.length; i++) {
                setBits(i, (long) WORDS.getVolatile(other.words, i));
            }
            setBeyond(other.beyondEnd);
        } else {
            other.forEach(this::set);
        }
    }

    /**
     * What is dirty, which is clean here from then on: a mark that comes at the same time is in one of the two. So the
     * content of what is dirty in the answer, read after this, makes a backup from the last one to now, and what is written
     * meanwhile will be in the next.
     */
    public DirtyBitmap take() {
        DirtyBitmap taken = new DirtyBitmap(byteSize, granularity());
        for (int i = 0; i < words.length; i++) {
            if ((long) WORDS.getVolatile(words, i) != 0) {
                taken.words[i] = (long) WORDS.getAndSet(words, i, 0L);
            }
        }
        taken.beyondEnd = (long) BEYOND.getAndSet(this, 0L);
        return taken;
    }

    @Override
    public String toString() {
        return dirtyBytes() + " of " + byteSize + " bytes dirty";
    }
}
