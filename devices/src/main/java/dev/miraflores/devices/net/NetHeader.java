// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_HDR_F_DATA_VALID;
import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_HDR_F_NEEDS_CSUM;
import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_HDR_GSO_ECN;
import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_HDR_GSO_NONE;
import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_HDR_GSO_TCPV4;
import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_HDR_GSO_TCPV6;
import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_HDR_GSO_UDP;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What stands before each packet, and what may stand there. Little-endian (virtio 1.3 §5.1.6).
 * <pre>  0   u8     flags
 *   1   u8     gso_type
 *   2   le16   hdr_len
 *   4   le16   gso_size
 *   6   le16   csum_start
 *   8   le16   csum_offset
 *  10   le16   num_buffers
 *  12   le32   hash_value     from here on with VIRTIO_NET_F_HASH_REPORT only, and never at a port
 *  16   le16   hash_report
 *  18   le16   padding </pre>
 * Whoever calls has copied the header to where only this process writes, once.
 */
public final class NetHeader {

    /** Of the header that a port is given, and the guest without VIRTIO_NET_F_HASH_REPORT. */
    public static final int BYTES = 12;
    /** With VIRTIO_NET_F_HASH_REPORT. */
    static final int BYTES_WITH_HASH = 20;

    /** An Ethernet header. */
    public static final int MIN_FRAME_BYTES = 14;
    /** The largest IP packet with what may stand around it, rounded up: as much as QEMU takes. */
    public static final int MAX_FRAME_BYTES = (64 << 10) + 4096;

    static final int FLAGS_OFFSET = 0;
    static final int GSO_TYPE_OFFSET = 1;
    static final int HDR_LEN_OFFSET = 2;
    static final int GSO_SIZE_OFFSET = 4;
    static final int CSUM_START_OFFSET = 6;
    static final int CSUM_OFFSET_OFFSET = 8;
    static final int NUM_BUFFERS_OFFSET = 10;
    static final int HASH_VALUE_OFFSET = 12;
    static final int HASH_REPORT_OFFSET = 16;
    static final int PADDING_OFFSET = 18;

    /** Newer than the headers that the bindings were made from. */
    static final int VIRTIO_NET_HDR_GSO_UDP_L4 = 5;

    private static final int CHECKSUM_BYTES = 2;

    static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
    static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private NetHeader() {
    }

    private static int u8(MemorySegment header, long offset) {
        return header.get(U8, offset) & 0xff;
    }

    private static int u16(MemorySegment header, long offset) {
        return header.get(LE16, offset) & 0xffff;
    }

    /**
     * Checks what a driver wrote, and leaves of it what a port may be told: flags that mean nothing go (§5.1.6.2.2), and
     * {@code hdr_len}, which is a hint that need not be true, is no longer than the frame.
     *
     * @param features   those negotiated
     * @param frameBytes without the header
     * @return why the packet cannot be sent, or {@code null}
     */
    static NetFault checkTransmitted(MemorySegment header, long features, int frameBytes) {
        int flags = u8(header, FLAGS_OFFSET) & VIRTIO_NET_HDR_F_NEEDS_CSUM;
        int gso = u8(header, GSO_TYPE_OFFSET);
        header.set(U8, FLAGS_OFFSET, (byte) flags);
        header.set(LE16, NUM_BUFFERS_OFFSET, (short) 0);
        if (flags == 0) {
            header.set(LE16, CSUM_START_OFFSET, (short) 0);
            header.set(LE16, CSUM_OFFSET_OFFSET, (short) 0);
        } else if ((features & NetFeatures.CSUM) == 0) {
            return NetFault.OFFLOAD_NOT_NEGOTIATED;
        } else if (!checksumLiesInside(header, frameBytes)) {
            return NetFault.CHECKSUM_OUTSIDE;
        }
        if (gso == VIRTIO_NET_HDR_GSO_NONE) {
            header.set(LE16, GSO_SIZE_OFFSET, (short) 0);
        } else {
            NetFault fault = checkSegmentation(header, gso, hostOffloads(gso), NetFeatures.HOST_ECN, features);
            if (fault != null) {
                return fault;
            }
        }
        if (u16(header, HDR_LEN_OFFSET) > frameBytes) {
            header.set(LE16, HDR_LEN_OFFSET, (short) Math.min(frameBytes, 0xffff));
        }
        return null;
    }

    /**
     * Checks what came with a packet from the network, and leaves of it what the driver may be told (§5.1.6.4.1).
     *
     * @param guestOffloads what the driver takes now
     * @return why the driver cannot have the packet, or {@code null}
     */
    static NetFault checkReceived(MemorySegment header, long guestOffloads, int frameBytes) {
        int flags = u8(header, FLAGS_OFFSET);
        int gso = u8(header, GSO_TYPE_OFFSET);
        boolean unfinished = (flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
        if ((guestOffloads & NetFeatures.GUEST_CSUM) == 0) {
            if (unfinished) {
                return NetFault.OFFLOAD_NOT_NEGOTIATED;
            }
            flags = 0;
        }
        flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
        header.set(U8, FLAGS_OFFSET, (byte) flags);
        if (unfinished && !checksumLiesInside(header, frameBytes)) {
            return NetFault.CHECKSUM_OUTSIDE;
        }
        if (gso == VIRTIO_NET_HDR_GSO_NONE) {
            header.set(LE16, GSO_SIZE_OFFSET, (short) 0);
            return null;
        }
        NetFault fault = checkSegmentation(header, gso, guestOffloads(gso), NetFeatures.GUEST_ECN, guestOffloads);
        return fault == null && !unfinished ? NetFault.CHECKSUM_OUTSIDE : fault;
    }

    static boolean isSegmented(MemorySegment header) {
        return u8(header, GSO_TYPE_OFFSET) != VIRTIO_NET_HDR_GSO_NONE;
    }

    private static boolean checksumLiesInside(MemorySegment header, int frameBytes) {
        return u16(header, CSUM_START_OFFSET) + u16(header, CSUM_OFFSET_OFFSET) + CHECKSUM_BYTES <= frameBytes;
    }

    /** @param wanted the features one of which allows it; 0 where there is no such type */
    private static NetFault checkSegmentation(MemorySegment header, int gso, long wanted, long ecn, long features) {
        if (wanted == 0) {
            return NetFault.GSO_TYPE_UNKNOWN;
        }
        boolean withEcn = (gso & VIRTIO_NET_HDR_GSO_ECN) != 0;
        if ((features & wanted) == 0 || withEcn && (features & ecn) == 0) {
            return NetFault.OFFLOAD_NOT_NEGOTIATED;
        }
        return u16(header, GSO_SIZE_OFFSET) == 0 ? NetFault.GSO_SIZE_ZERO : null;
    }

    private static long hostOffloads(int gso) {
        return switch (gso & ~VIRTIO_NET_HDR_GSO_ECN) {
            case VIRTIO_NET_HDR_GSO_TCPV4 -> NetFeatures.HOST_TSO4;
            case VIRTIO_NET_HDR_GSO_TCPV6 -> NetFeatures.HOST_TSO6;
            case VIRTIO_NET_HDR_GSO_UDP -> NetFeatures.HOST_UFO;
            case VIRTIO_NET_HDR_GSO_UDP_L4 -> NetFeatures.HOST_USO;
            default -> 0;
        };
    }

    private static long guestOffloads(int gso) {
        return switch (gso & ~VIRTIO_NET_HDR_GSO_ECN) {
            case VIRTIO_NET_HDR_GSO_TCPV4 -> NetFeatures.GUEST_TSO4;
            case VIRTIO_NET_HDR_GSO_TCPV6 -> NetFeatures.GUEST_TSO6;
            case VIRTIO_NET_HDR_GSO_UDP -> NetFeatures.GUEST_UFO;
            case VIRTIO_NET_HDR_GSO_UDP_L4 -> NetFeatures.GUEST_USO4 | NetFeatures.GUEST_USO6;
            default -> 0;
        };
    }
}
