// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static dev.miraflores.aio.qcow2.Qcow2Layout.*;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.DriveException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * What the first cluster of an image says, checked: what is here can be relied on, whoever made the image.
 *
 * @param geometry         version, cluster size, width of refcounts
 * @param diskBytes        size of the disk
 * @param l1Offset         in bytes, of the active L1 table
 * @param l1Entries        of it
 * @param reftableOffset   in bytes, of the refcount table
 * @param reftableClusters of it
 * @param snapshots        how many internal snapshots there are
 * @param incompatible     feature bits
 * @param autoclear        feature bits
 * @param backingName      as it is written there, or {@code null}
 * @param backingFormat    as it is written there, or {@code null}
 */
record Header(
        Geometry geometry, long diskBytes, long l1Offset, int l1Entries, long reftableOffset, int reftableClusters,
        int snapshots, long incompatible, long autoclear, String backingName, String backingFormat) {

    /** The least that has to be there for {@link #clusterBytes}. */
    static final int MIN_BYTES = V2_HEADER_BYTES;

    /** How large the first cluster is, which {@link #parse} wants to see. */
    static int clusterBytes(String path, ByteBuffer bytes, long fileBytes) {
        if (fileBytes < MIN_BYTES || bytes.getInt(0) != MAGIC) {
            throw refusal(path, "is no qcow2 image; use format=raw if its bytes are the disk's, or make one with:"
                + " qemu-img create -f qcow2 FILE SIZE");
        }
        int version = bytes.getInt(VERSION);
        if (version != 2 && version != 3) {
            throw refusal(path, "is a qcow image of version " + Integer.toUnsignedString(version)
                + ", not 2 or 3; convert it with: qemu-img convert -O qcow2 " + path + " NEW");
        }
        int bits = bytes.getInt(CLUSTER_BITS);
        if (bits < MIN_CLUSTER_BITS || bits > MAX_CLUSTER_BITS) {
            throw damaged(path, "clusters of 2^" + Integer.toUnsignedString(bits) + " bytes, not 2^"
                + MIN_CLUSTER_BITS + " to 2^" + MAX_CLUSTER_BITS);
        }
        return 1 << bits;
    }

    /**
     * @param bytes of the first cluster, as far as the file has them, big-endian
     * @throws DriveException where this is no image that can be used
     */
    static Header parse(String path, ByteBuffer bytes, long fileBytes) {
        int clusterBytes = clusterBytes(path, bytes, fileBytes);
        int version = bytes.getInt(VERSION);
        int order = V2_REFCOUNT_ORDER;
        int headerBytes = V2_HEADER_BYTES;
        long incompatible = 0;
        long autoclear = 0;
        if (version >= 3) {
            if (bytes.limit() < V3_HEADER_BYTES) {
                throw damaged(path, "a header that is cut off");
            }
            order = bytes.getInt(REFCOUNT_ORDER);
            headerBytes = bytes.getInt(HEADER_LENGTH);
            incompatible = bytes.getLong(INCOMPATIBLE_FEATURES);
            autoclear = bytes.getLong(AUTOCLEAR_FEATURES);
        }
        if (headerBytes < (version >= 3 ? V3_HEADER_BYTES : V2_HEADER_BYTES) || headerBytes > bytes.limit()) {
            throw damaged(path, "a header of " + Integer.toUnsignedString(headerBytes) + " bytes");
        }
        if (order < 0 || order > MAX_REFCOUNT_ORDER) {
            throw damaged(path, "refcounts of 2^" + Integer.toUnsignedString(order) + " bits");
        }
        String[] extensions = HeaderExtensions.read(path, bytes, headerBytes, incompatible);
        checkFeatures(path, bytes, headerBytes, incompatible, extensions[HeaderExtensions.FEATURE_NAME]);
        Geometry geometry = new Geometry(version, Integer.numberOfTrailingZeros(clusterBytes), order);
        long diskBytes = bytes.getLong(SIZE);
        int l1Entries = bytes.getInt(L1_SIZE);
        checkSizes(path, geometry, diskBytes, l1Entries);
        long l1Offset = bytes.getLong(L1_TABLE_OFFSET);
        checkTable(path, "L1 table", geometry, l1Offset, (long) ENTRY_BYTES * l1Entries, fileBytes);
        long reftableOffset = bytes.getLong(REFCOUNT_TABLE_OFFSET);
        long reftableClusters = Integer.toUnsignedLong(bytes.getInt(REFCOUNT_TABLE_CLUSTERS));
        if (reftableClusters << geometry.clusterBits > MAX_REFCOUNT_TABLE_BYTES) {
            throw damaged(path, "a refcount table of " + reftableClusters + " clusters");
        }
        checkTable(path, "refcount table", geometry, reftableOffset, reftableClusters << geometry.clusterBits, fileBytes);
        int snapshots = bytes.getInt(NB_SNAPSHOTS);
        if (snapshots < 0 || snapshots > MAX_SNAPSHOTS) {
            throw damaged(path, Integer.toUnsignedString(snapshots) + " snapshots");
        }
        return new Header(geometry, diskBytes, l1Offset, l1Entries, reftableOffset, (int) reftableClusters, snapshots,
            incompatible, autoclear, backingName(path, bytes), extensions[HeaderExtensions.BACKING_FORMAT]);
    }

    private static void checkFeatures(
            String path, ByteBuffer bytes, int headerBytes, long incompatible, String unknownName) {
        long unknown = incompatible & ~INCOMPATIBLE_KNOWN;
        if (unknown != 0) {
            throw unsupported(path, "the feature " + (unknownName == null ? "" : "'" + unknownName + "' ")
                + "(incompatible bit " + Long.numberOfTrailingZeros(unknown) + ")", "");
        }
        if (bytes.getInt(CRYPT_METHOD) != 0) {
            throw unsupported(path, "encryption", "");
        }
        if ((incompatible & INCOMPATIBLE_EXTERNAL_DATA) != 0) {
            throw unsupported(path, "an external data file", "");
        }
        if ((incompatible & INCOMPATIBLE_EXTENDED_L2) != 0) {
            throw unsupported(path, "extended L2 entries (subclusters)", "-o extended_l2=off ");
        }
        int compression = headerBytes > COMPRESSION_TYPE ? bytes.get(COMPRESSION_TYPE) & 0xFF : 0;
        if (compression != 0 || (incompatible & INCOMPATIBLE_COMPRESSION_TYPE) != 0) {
            throw unsupported(path, compression == 1 ? "compression by zstd" : "compression type " + compression,
                "-o compression_type=zlib ");
        }
    }

    private static void checkSizes(String path, Geometry geometry, long diskBytes, int l1Entries) {
        if (diskBytes <= 0 || diskBytes % BlockFile.SECTOR_BYTES != 0) {
            throw damaged(path, "a disk of " + Long.toUnsignedString(diskBytes) + " bytes, no multiple of "
                + BlockFile.SECTOR_BYTES);
        }
        if (l1Entries < 0 || (long) ENTRY_BYTES * l1Entries > MAX_L1_BYTES) {
            throw damaged(path, "an L1 table of " + Integer.toUnsignedString(l1Entries) + " entries");
        }
        if (geometry.l1Entries(diskBytes) > l1Entries) {
            throw damaged(path, "an L1 table of " + l1Entries + " entries, too few for " + diskBytes + " bytes");
        }
    }

    /** A table lies on clusters of its own, behind the header, and begins inside the file. */
    private static void checkTable(
            String path, String what, Geometry geometry, long offset, long byteSize, long fileBytes) {
        if (offset < geometry.clusterBytes || (offset & geometry.clusterMask) != 0
                || offset > geometry.roundUp(fileBytes) - geometry.roundUp(byteSize)) {
            throw damaged(path, "the " + what + " at offset " + Long.toUnsignedString(offset) + ", " + byteSize
                + " bytes long, in a file of " + fileBytes);
        }
    }

    private static String backingName(String path, ByteBuffer bytes) {
        long offset = bytes.getLong(BACKING_FILE_OFFSET);
        int length = bytes.getInt(BACKING_FILE_SIZE);
        if (offset == 0) {
            return null;
        }
        if (length <= 0 || length > MAX_BACKING_NAME_BYTES || offset < 0 || offset > bytes.limit() - length) {
            throw damaged(path, "the name of a backing file at offset " + Long.toUnsignedString(offset) + ", "
                + Integer.toUnsignedString(length) + " bytes long");
        }
        return printable(bytes, (int) offset, length);
    }

    /** What somebody may have written to garble a terminal does not get there. */
    static String printable(ByteBuffer bytes, int offset, int length) {
        byte[] text = new byte[length];
        bytes.get(offset, text);
        StringBuilder clean = new StringBuilder(length);
        String decoded = new String(text, StandardCharsets.UTF_8);
        for (int i = 0; i < decoded.length(); i++) {
            char c = decoded.charAt(i);
            clean.append(Character.isISOControl(c) ? '?' : c);
        }
        return clean.toString();
    }

    static DriveException refusal(String path, String reason) {
        return new DriveException("drive " + path + ": " + reason);
    }

    static DriveException damaged(String path, String what) {
        return refusal(path, "is damaged: it has " + what + "; look at it with: qemu-img check " + path);
    }

    private static DriveException unsupported(String path, String what, String option) {
        return refusal(path, "uses " + what + ", which is not supported; convert it with: qemu-img convert -O qcow2 "
            + option + path + " NEW");
    }
}
