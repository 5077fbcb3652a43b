// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.linux.Mapping;
import java.lang.foreign.MemorySegment;

/**
 * An image's own memory, in one piece that engines can be told of. Pages are the host's only when they are used.
 * <p>Lifetime: until {@link #close}.
 */
final class ImageMemory implements AutoCloseable {

    /** Writes of a commit that are under way at once, each with room for a piece of a table. */
    static final int COMMIT_WRITES = 16;

    /** Room for the buffers of requests that have one. */
    private static final int SMALL_BYTES = 64 * 1024;
    private static final int PAGE_BYTES = 4096;
    private static final int MIN_SLOTS = 48;
    private static final long MAX_COW_BYTES = 16L << 20;
    private static final int MIN_COWS = 2;
    private static final int MAX_COWS = 16;

    final Mapping mapping;
    private long used;
    private final MemorySegment smalls;
    private long smallsUsed;

    /** A cluster of zeroes, never written to. */
    final MemorySegment zeroes;
    final MemorySegment l2Cache;
    final MemorySegment refcountCache;
    /** A cluster each, for new tables. */
    final MemorySegment l2Scratch;
    final MemorySegment spaceScratch;
    final MemorySegment staging;
    /** The cluster that was inflated last. */
    final MemorySegment inflated;
    final CowBuffer[] cows;

    /**
     * @param l2CacheBytes       at most for slices of L2 tables; less where the disk needs less
     * @param refcountCacheBytes for slices of refcount blocks
     */
    ImageMemory(Geometry geometry, long diskBytes, long l2CacheBytes, long refcountCacheBytes) {
        long cluster = geometry.clusterBytes;
        long minCache = (long) MIN_SLOTS * geometry.sliceBytes;
        long neededL2 = geometry.l1Entries(diskBytes) << geometry.clusterBits;
        long l2Bytes = whole(Math.max(minCache, Math.min(l2CacheBytes, neededL2)), geometry.sliceBytes);
        long refcountBytes = whole(Math.max(minCache, refcountCacheBytes), geometry.sliceBytes);
        int cowCount = Math.clamp(MAX_COW_BYTES / CowBuffer.bytes(geometry), MIN_COWS, MAX_COWS);
        long total = SMALL_BYTES + pages(cluster) * 4 + pages(l2Bytes) + pages(refcountBytes)
            + (long) COMMIT_WRITES * PAGE_BYTES + pages(CowBuffer.bytes(geometry)) * cowCount;
        mapping = Mapping.anonymous(total, Mapping.MAP_NORESERVE);
        smalls = take(SMALL_BYTES);
        zeroes = take(cluster);
        l2Cache = take(l2Bytes);
        refcountCache = take(refcountBytes);
        l2Scratch = take(cluster);
        spaceScratch = take(cluster);
        inflated = take(cluster);
        staging = take((long) COMMIT_WRITES * PAGE_BYTES);
        cows = new CowBuffer[cowCount];
        for (int i = 0; i < cowCount; i++) {
            cows[i] = new CowBuffer(geometry, take(CowBuffer.bytes(geometry)));
        }
    }

    private static long whole(long bytes, int unit) {
        return bytes / unit * unit;
    }

    private static long pages(long bytes) {
        return bytes + PAGE_BYTES - 1 & -PAGE_BYTES;
    }

    private MemorySegment take(long bytes) {
        MemorySegment part = mapping.segment().asSlice(used, bytes);
        used += pages(bytes);
        return part;
    }

    /** Room for the array of a request with at most two buffers. */
    MemorySegment iovecs() {
        return small(2 * BlockIo.IOVEC_BYTES);
    }

    MemorySegment small(int bytes) {
        MemorySegment part = smalls.asSlice(smallsUsed, bytes);
        smallsUsed += bytes + 15 & -16;
        return part;
    }

    /** Room for a piece of a table. */
    MemorySegment staging(int index) {
        return staging.asSlice((long) index * PAGE_BYTES, PAGE_BYTES);
    }

    MemorySegment all() {
        return mapping.segment();
    }

    @Override
    public void close() {
        mapping.close();
    }
}
