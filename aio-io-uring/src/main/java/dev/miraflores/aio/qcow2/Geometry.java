// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

/**
 * Sizes that follow from an image's cluster size and width of refcounts. Tables are read, cached and written in slices: a
 * cluster, or a page of it where that is less.
 */
final class Geometry {

    /** The largest slice. */
    static final int MAX_SLICE_BYTES = 4096;

    final int version;
    final int clusterBits;
    final int clusterBytes;
    final long clusterMask;
    final int sliceBytes;

    /** Entries of an L2 table are 2 to this, those of a slice of one likewise. */
    final int l2Bits;
    final int l2SliceBits;

    /** A refcount has 2 to this bits. */
    final int refcountOrder;
    /** Refcounts in a block are 2 to this, those of a slice of one likewise. */
    final int refcountBlockBits;
    final int refcountSliceBits;

    Geometry(int version, int clusterBits, int refcountOrder) {
        this.version = version;
        this.clusterBits = clusterBits;
        this.clusterBytes = 1 << clusterBits;
        this.clusterMask = clusterBytes - 1L;
        this.sliceBytes = Math.min(clusterBytes, MAX_SLICE_BYTES);
        this.l2Bits = clusterBits - 3;
        this.l2SliceBits = Integer.numberOfTrailingZeros(sliceBytes) - 3;
        this.refcountOrder = refcountOrder;
        this.refcountBlockBits = clusterBits + 3 - refcountOrder;
        this.refcountSliceBits = Integer.numberOfTrailingZeros(sliceBytes) + 3 - refcountOrder;
    }

    boolean hasZeroClusters() {
        return version >= 3;
    }

    /** Clusters that {@code bytes} take. */
    long clusters(long bytes) {
        return (bytes >>> clusterBits) + ((bytes & clusterMask) != 0 ? 1 : 0);
    }

    long roundUp(long bytes) {
        return clusters(bytes) << clusterBits;
    }

    /** Entries that an L1 table needs for a disk. */
    long l1Entries(long diskBytes) {
        long clusters = clusters(diskBytes);
        return (clusters >>> l2Bits) + ((clusters & (1L << l2Bits) - 1) != 0 ? 1 : 0);
    }

    /** Bits of a compressed cluster's descriptor that are its offset; the number of sectors is above them. */
    int compressedOffsetBits() {
        return 62 - (clusterBits - 8);
    }

    long compressedOffset(long entry) {
        return entry & (1L << compressedOffsetBits()) - 1;
    }

    /** Bytes from its offset on in which compressed data lie: up to the end of the last sector. */
    int compressedBytes(long entry) {
        long sectors = (entry & Qcow2Layout.COMPRESSED - 1) >>> compressedOffsetBits();
        long within = compressedOffset(entry) & Qcow2Layout.COMPRESSED_SECTOR_BYTES - 1;
        return (int) ((sectors + 1) * Qcow2Layout.COMPRESSED_SECTOR_BYTES - within);
    }
}
