// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static dev.miraflores.aio.qcow2.Qcow2Layout.*;

/**
 * Where a part of the disk is in the image. Each entry is checked when it is used, whoever wrote it: what it points to is
 * in the file, on a cluster's start, and for a write no table.
 */
final class ClusterMap {

    /** What a guest cluster is. */
    enum Kind {
        /** Nothing here: the backing file has it, or it is zero. */
        UNALLOCATED,
        /** Reads as zeroes, whether it has a cluster or not. */
        ZERO,
        /** In a cluster. */
        DATA,
        /** Compressed, somewhere. */
        COMPRESSED
    }

    private final Metadata metadata;
    private final Geometry geometry;

    Kind kind;
    /** The first cluster's entry; 0 where there is no L2 table. */
    long entry;
    /** With {@link Kind#DATA}, where the part begins in the image, in bytes. */
    long hostOffset;
    /** How far it goes on like that, in bytes. */
    long bytes;
    /** The slot of the slice that says so, and the entry's place in it; −1 where there is no L2 table. */
    int slot;
    int index;

    ClusterMap(Metadata metadata) {
        this.metadata = metadata;
        this.geometry = metadata.geometry;
    }

    /** Index of the L1 entry for a position on the disk. */
    int l1Index(long position) {
        return (int) (position >>> geometry.clusterBits + geometry.l2Bits);
    }

    /** Whether the active L1 table has an L2 table of its own there, whose entries may be changed. */
    boolean hasOwnTable(long position) {
        long l1Entry = metadata.l1.get(l1Index(position));
        return (l1Entry & COPIED) != 0 && (l1Entry & OFFSET_MASK) != 0;
    }

    /**
     * Looks up what is at {@code position}, up to {@code limit} at most.
     *
     * @param forWrite only clusters that may be written in place count as {@link Kind#DATA} of the same run
     * @return 0; {@link Task#WAIT}, with {@code waiter} in a queue; or −errno
     */
    int find(long position, long limit, boolean forWrite, Task waiter) {
        long l1Entry = metadata.l1.get(l1Index(position));
        long table = l1Entry & OFFSET_MASK;
        if ((l1Entry & L1_RESERVED) != 0 || table != 0 && !metadata.isInFile(table)) {
            return metadata.corrupted("L1 entry " + l1Index(position) + " is 0x" + Long.toHexString(l1Entry));
        }
        if (table == 0) {
            int tableBits = geometry.clusterBits + geometry.l2Bits;
            kind = Kind.UNALLOCATED;
            entry = 0;
            slot = SliceCache.NONE;
            bytes = Math.min(limit, (position >>> tableBits) + 1 << tableBits) - position;
            return 0;
        }
        int l2Index = (int) (position >>> geometry.clusterBits) & (1 << geometry.l2Bits) - 1;
        int found = metadata.slice(
            metadata.l2, table + (long) (l2Index >>> geometry.l2SliceBits) * geometry.sliceBytes, waiter);
        if (found < 0) {
            return found;
        }
        slot = found;
        index = l2Index & (1 << geometry.l2SliceBits) - 1;
        entry = entryAt(index);
        return classify(position, limit, forWrite);
    }

    /** The entry {@code i} of the slice. */
    long entryAt(int i) {
        return metadata.l2.memory.get(Metadata.BE64, metadata.l2.base(slot) + (long) ENTRY_BYTES * i);
    }

    void setEntry(int i, long newEntry) {
        metadata.l2.memory.set(Metadata.BE64, metadata.l2.base(slot) + (long) ENTRY_BYTES * i, newEntry);
        metadata.l2.markDirty(slot);
    }

    int entriesInSlice() {
        return 1 << geometry.l2SliceBits;
    }

    private int classify(long position, long limit, boolean forWrite) {
        kind = kindOf(entry);
        if (kind == null || forWrite && kind == Kind.DATA && isTable(entry)) {
            return metadata.corrupted("the L2 entry for offset " + position + " is 0x" + Long.toHexString(entry));
        }
        long within = position & geometry.clusterMask;
        long end = position - within + geometry.clusterBytes;
        if (kind == Kind.DATA) {
            hostOffset = (entry & OFFSET_MASK) + within;
            long expected = entry;
            for (int i = index + 1; end < limit && i < entriesInSlice(); i++) {
                expected += geometry.clusterBytes;
                long next = entryAt(i);
                // The same flags, and the next cluster: so what holds for the first holds for this one.
                if (next != expected || !metadata.isInFile(next & OFFSET_MASK) || forWrite && isTable(next)) {
                    break;
                }
                end += geometry.clusterBytes;
            }
        } else if (kind != Kind.COMPRESSED) {
            for (int i = index + 1; end < limit && i < entriesInSlice() && kindOf(entryAt(i)) == kind; i++) {
                end += geometry.clusterBytes;
            }
        }
        bytes = Math.min(limit, end) - position;
        return 0;
    }

    boolean isTable(long anEntry) {
        return metadata.tableClusters.contains((anEntry & OFFSET_MASK) >>> geometry.clusterBits);
    }

    /** What an entry stands for; {@code null} where it cannot be. */
    Kind kindOf(long anEntry) {
        if ((anEntry & COMPRESSED) != 0) {
            boolean possible = (anEntry & COPIED) == 0 && geometry.compressedOffset(anEntry) != 0
                && geometry.compressedOffset(anEntry) < metadata.fileBytes();
            return possible ? Kind.COMPRESSED : null;
        }
        long offset = anEntry & OFFSET_MASK;
        if ((anEntry & L2_RESERVED) != 0 || offset != 0 && !metadata.isInFile(offset)) {
            return null;
        }
        if ((anEntry & ZERO) != 0) {
            return geometry.hasZeroClusters() ? Kind.ZERO : null;
        }
        return offset == 0 ? Kind.UNALLOCATED : Kind.DATA;
    }

    /** Hands over what {@code anEntry} points to, which nothing will any more. */
    void release(long anEntry) {
        if ((anEntry & COMPRESSED) != 0) {
            long first = geometry.compressedOffset(anEntry);
            long last = first + geometry.compressedBytes(anEntry) - 1;
            for (long c = first >>> geometry.clusterBits; c <= last >>> geometry.clusterBits; c++) {
                metadata.freed.add(c);
            }
        } else if ((anEntry & OFFSET_MASK) != 0) {
            metadata.freed.add((anEntry & OFFSET_MASK) >>> geometry.clusterBits);
        }
    }
}
