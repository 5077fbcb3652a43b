// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

/**
 * Where things stand in a qcow2 image. All numbers are big-endian.
 * <pre>  0  be32  magic "QFI\xfb"               72   be64  incompatible_features  (version 3 on)
 *   4  be32  version 2 or 3               80   be64  compatible_features
 *   8  be64  backing_file_offset          88   be64  autoclear_features
 *  16  be32  backing_file_size            96   be32  refcount_order
 *  20  be32  cluster_bits                100   be32  header_length
 *  24  be64  size                        104   u8    compression_type
 *  32  be32  crypt_method
 *  36  be32  l1_size, in entries               L1 entry:  bits 9-55 offset of the L2 table, bit 63 copied
 *  40  be64  l1_table_offset                   L2 entry:  bits 9-55 offset of the cluster, bit 63 copied,
 *  48  be64  refcount_table_offset                        bit 0 reads as zeroes (version 3 on); or with
 *  56  be32  refcount_table_clusters                      bit 62 compressed, below it sectors and offset
 *  60  be32  nb_snapshots                refcount table entry:  bits 9-63 offset of the refcount block
 *  64  be64  snapshots_offset </pre>
 * <p>Source: QEMU, docs/interop/qcow2.
 */
final class Qcow2Layout {

    static final int MAGIC = 0x514649FB;
    static final int V2_HEADER_BYTES = 72;
    static final int V3_HEADER_BYTES = 104;

    static final int VERSION = 4;
    static final int BACKING_FILE_OFFSET = 8;
    static final int BACKING_FILE_SIZE = 16;
    static final int CLUSTER_BITS = 20;
    static final int SIZE = 24;
    static final int CRYPT_METHOD = 32;
    static final int L1_SIZE = 36;
    static final int L1_TABLE_OFFSET = 40;
    static final int REFCOUNT_TABLE_OFFSET = 48;
    static final int REFCOUNT_TABLE_CLUSTERS = 56;
    static final int NB_SNAPSHOTS = 60;
    static final int SNAPSHOTS_OFFSET = 64;
    static final int INCOMPATIBLE_FEATURES = 72;
    static final int AUTOCLEAR_FEATURES = 88;
    static final int REFCOUNT_ORDER = 96;
    static final int HEADER_LENGTH = 100;
    static final int COMPRESSION_TYPE = 104;

    static final long INCOMPATIBLE_DIRTY = 1;
    static final long INCOMPATIBLE_CORRUPT = 1 << 1;
    static final long INCOMPATIBLE_EXTERNAL_DATA = 1 << 2;
    static final long INCOMPATIBLE_COMPRESSION_TYPE = 1 << 3;
    static final long INCOMPATIBLE_EXTENDED_L2 = 1 << 4;
    static final long INCOMPATIBLE_KNOWN = (1 << 5) - 1;

    static final int EXTENSION_END = 0;
    static final int EXTENSION_BACKING_FORMAT = 0xE2792ACA;
    static final int EXTENSION_FEATURE_NAMES = 0x6803F857;

    static final int MIN_CLUSTER_BITS = 9;
    static final int MAX_CLUSTER_BITS = 21;
    static final int V2_REFCOUNT_ORDER = 4;
    static final int MAX_REFCOUNT_ORDER = 6;
    static final int MAX_BACKING_NAME_BYTES = 1023;
    /** QEMU's limits, so that an image that is taken here is taken there. */
    static final long MAX_L1_BYTES = 32L << 20;
    static final long MAX_REFCOUNT_TABLE_BYTES = 8L << 20;
    static final int MAX_SNAPSHOTS = 65536;

    static final int ENTRY_BYTES = 8;

    /** Clusters and L2 tables lie below 64 PiB. */
    static final int HOST_OFFSET_BITS = 56;
    static final long OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00L;
    static final long COPIED = 1L << 63;
    static final long COMPRESSED = 1L << 62;
    static final long ZERO = 1;
    static final long L1_RESERVED = 0x7F00_0000_0000_01FFL;
    static final long L2_RESERVED = 0x3F00_0000_0000_01FEL;
    static final long REFCOUNT_TABLE_MASK = ~0x1FFL;

    /** The unit of a compressed cluster's length. */
    static final int COMPRESSED_SECTOR_BYTES = 512;

    private Qcow2Layout() {
    }
}
