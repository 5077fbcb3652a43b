// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.linux.Errno;

/**
 * Finds free clusters and makes them used: their refcount becomes 1, in the cache.
 * <p>Goes through the file from front to back, and back to what has become free.
 */
final class Allocator {

    private final Metadata metadata;
    private final Geometry geometry;

    /** All clusters before are used. */
    private long hint;
    /** Clusters from here on have never been written to: where the file has them at all, they are holes. */
    private long freshFrom;
    private long usedEnd;

    private long first;
    private boolean fresh;

    Allocator(Metadata metadata, long fileClusters) {
        this.metadata = metadata;
        this.geometry = metadata.geometry;
        this.freshFrom = fileClusters;
        this.usedEnd = fileClusters;
    }

    /** The first of the clusters that {@link #allocate} found. */
    long first() {
        return first;
    }

    /** Whether those read as zeroes as they are. */
    boolean isFresh() {
        return fresh;
    }

    /** Behind the last cluster that is used, or was when the image was opened. */
    long usedEnd() {
        return usedEnd;
    }

    /** Looks here next, if it is before the place where it would have looked. */
    void freeAt(long cluster) {
        hint = Math.min(hint, cluster);
    }

    /** {@code cluster}, and what is before it, is not as new any more. */
    void noteUsed(long cluster) {
        freshFrom = Math.max(freshFrom, cluster + 1);
        usedEnd = Math.max(usedEnd, cluster + 1);
    }

    /**
     * Allocates clusters that follow each other.
     *
     * @return how many, from 1 to {@code wanted}; or {@link Task#WAIT}, with {@code waiter} in a queue and nothing
     *     allocated; or −errno
     */
    int allocate(int wanted, Task waiter) {
        while (true) {
            if (metadata.isCorrupt()) {
                return -Errno.EIO;
            }
            long cluster = hint;
            if (cluster >= 1L << Qcow2Layout.HOST_OFFSET_BITS - geometry.clusterBits) {
                return -Errno.EFBIG;
            }
            long tableIndex = cluster >>> geometry.refcountBlockBits;
            if (tableIndex >= metadata.reftable.size()) {
                return metadata.space.growTable(cluster, waiter);
            }
            long block = metadata.reftable.get(tableIndex) & Qcow2Layout.REFCOUNT_TABLE_MASK;
            if (block == 0) {
                return metadata.space.makeBlock(cluster, waiter);
            }
            int slot = slot(cluster, waiter);
            if (slot < 0) {
                return slot;
            }
            int within = within(cluster);
            int end = 1 << geometry.refcountSliceBits;
            long base = metadata.refcounts.base(slot);
            int index = metadata.widths.firstFree(metadata.refcounts.memory, base, within, end);
            hint = cluster - within + index;
            if (index < end) {
                return take(slot, index, Math.min(wanted, end - index), waiter);
            }
        }
    }

    private int take(int slot, int index, int most, Task waiter) {
        SliceCache cache = metadata.refcounts;
        long base = cache.base(slot);
        int count = 0;
        while (count < most && metadata.widths.get(cache.memory, base, index + count) == 0) {
            if (metadata.tableClusters.contains(hint + count)) {
                return metadata.corrupted("cluster " + (hint + count) + " holds a table and has a refcount of 0");
            }
            count++;
        }
        long endBytes = hint + count << geometry.clusterBits;
        if (endBytes > metadata.fileBytes()) {
            return metadata.space.extend(endBytes, waiter);
        }
        for (int i = 0; i < count; i++) {
            metadata.widths.set(cache.memory, base, index + i, 1);
        }
        cache.markDirty(slot);
        first = hint;
        fresh = first >= freshFrom;
        noteUsed(first + count - 1);
        hint += count;
        return count;
    }

    /** The slot of the slice with a cluster's refcount; {@link Task#WAIT}, or −errno. The cluster's block has to exist. */
    int slot(long cluster, Task waiter) {
        long block = metadata.reftable.get(cluster >>> geometry.refcountBlockBits) & Qcow2Layout.REFCOUNT_TABLE_MASK;
        if (!metadata.isInFile(block)) {
            return metadata.corrupted("a refcount block at offset " + Long.toUnsignedString(block));
        }
        long indexInBlock = cluster & (1L << geometry.refcountBlockBits) - 1;
        long offset = block + (indexInBlock >>> geometry.refcountSliceBits) * geometry.sliceBytes;
        return metadata.slice(metadata.refcounts, offset, waiter);
    }

    /** A cluster's place in its slice. */
    int within(long cluster) {
        return (int) (cluster & (1L << geometry.refcountSliceBits) - 1);
    }
}
