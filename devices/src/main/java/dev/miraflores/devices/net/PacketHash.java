// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static dev.miraflores.bindings.virtio.virtio_abi.*;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The Toeplitz hash of a packet, and of what it is (virtio 1.3 §5.1.6.4.3). It looks at the first bytes only, which are this process's
 * own; where addresses and ports lie further on there is no hash, and what is not whole is not there.
 * <p>Thread: that of the queue pair.
 */
final class PacketHash {

    /** Bytes of a frame that it looks at: Ethernet with two tags, the longest IPv4 header, the ports. */
    static final int MAX_BYTES = 128;

    private static final int ETHERTYPE_OFFSET = 12;
    private static final int TAG_BYTES = 4;
    private static final int MAX_TAGS = 2;
    private static final int ETHERTYPE_IPV4 = 0x0800;
    private static final int ETHERTYPE_IPV6 = 0x86dd;
    private static final int ETHERTYPE_VLAN = 0x8100;
    private static final int ETHERTYPE_SERVICE_VLAN = 0x88a8;
    private static final int PROTOCOL_TCP = 6;
    private static final int PROTOCOL_UDP = 17;

    private static final int IPV4_MIN_BYTES = 20;
    private static final int IPV4_FRAGMENT_OFFSET = 6;
    private static final int IPV4_FRAGMENT_BITS = 0x3fff;
    private static final int IPV4_PROTOCOL_OFFSET = 9;
    private static final int IPV4_ADDRESSES_OFFSET = 12;
    private static final int IPV4_ADDRESSES_BYTES = 8;
    private static final int IPV6_BYTES = 40;
    private static final int IPV6_NEXT_HEADER_OFFSET = 6;
    private static final int IPV6_ADDRESSES_OFFSET = 8;
    private static final int IPV6_ADDRESSES_BYTES = 32;
    private static final int PORTS_BYTES = 4;

    private static final ValueLayout.OfShort BE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private int report;
    private int value;

    /** VIRTIO_NET_HASH_REPORT_…, NONE where there is no hash. */
    int report() {
        return report;
    }

    int value() {
        return value;
    }

    /** @param length bytes there are from {@code offset} on, of the frame or of its beginning */
    void calculate(HashConfig config, MemorySegment frame, long offset, int length) {
        report = VIRTIO_NET_HASH_REPORT_NONE;
        value = 0;
        int at = ETHERTYPE_OFFSET;
        for (int tags = 0; tags < MAX_TAGS && at + 2 <= length && isTag(u16(frame, offset + at)); tags++) {
            at += TAG_BYTES;
        }
        if (at + 2 > length) {
            return;
        }
        int type = u16(frame, offset + at);
        at += 2;
        if (type == ETHERTYPE_IPV4) {
            hashIpv4(config, frame, offset + at, length - at);
        } else if (type == ETHERTYPE_IPV6) {
            hashIpv6(config, frame, offset + at, length - at);
        }
    }

    private static boolean isTag(int type) {
        return type == ETHERTYPE_VLAN || type == ETHERTYPE_SERVICE_VLAN;
    }

    private void hashIpv4(HashConfig config, MemorySegment packet, long offset, int length) {
        if (length < IPV4_MIN_BYTES) {
            return;
        }
        int headerBytes = (packet.get(NetHeader.U8, offset) & 0xf) * 4;
        boolean fragment = (u16(packet, offset + IPV4_FRAGMENT_OFFSET) & IPV4_FRAGMENT_BITS) != 0;
        boolean ports = !fragment && headerBytes >= IPV4_MIN_BYTES && headerBytes + PORTS_BYTES <= length;
        int protocol = ports ? packet.get(NetHeader.U8, offset + IPV4_PROTOCOL_OFFSET) & 0xff : 0;
        int types = config.types();
        if (protocol == PROTOCOL_TCP && (types & VIRTIO_NET_RSS_HASH_TYPE_TCPv4) != 0) {
            report = VIRTIO_NET_HASH_REPORT_TCPv4;
        } else if (protocol == PROTOCOL_UDP && (types & VIRTIO_NET_RSS_HASH_TYPE_UDPv4) != 0) {
            report = VIRTIO_NET_HASH_REPORT_UDPv4;
        } else if ((types & VIRTIO_NET_RSS_HASH_TYPE_IPv4) != 0) {
            report = VIRTIO_NET_HASH_REPORT_IPv4;
        }
        if (report != VIRTIO_NET_HASH_REPORT_NONE) {
            add(config, 0, packet, offset + IPV4_ADDRESSES_OFFSET, IPV4_ADDRESSES_BYTES);
        }
        if (report > VIRTIO_NET_HASH_REPORT_IPv4) {
            add(config, IPV4_ADDRESSES_BYTES, packet, offset + headerBytes, PORTS_BYTES);
        }
    }

    private void hashIpv6(HashConfig config, MemorySegment packet, long offset, int length) {
        if (length < IPV6_BYTES) {
            return;
        }
        boolean ports = IPV6_BYTES + PORTS_BYTES <= length;
        int protocol = ports ? packet.get(NetHeader.U8, offset + IPV6_NEXT_HEADER_OFFSET) & 0xff : 0;
        int types = config.types();
        if (protocol == PROTOCOL_TCP && (types & VIRTIO_NET_RSS_HASH_TYPE_TCPv6) != 0) {
            report = VIRTIO_NET_HASH_REPORT_TCPv6;
        } else if (protocol == PROTOCOL_UDP && (types & VIRTIO_NET_RSS_HASH_TYPE_UDPv6) != 0) {
            report = VIRTIO_NET_HASH_REPORT_UDPv6;
        } else if ((types & VIRTIO_NET_RSS_HASH_TYPE_IPv6) != 0) {
            report = VIRTIO_NET_HASH_REPORT_IPv6;
        }
        if (report != VIRTIO_NET_HASH_REPORT_NONE) {
            add(config, 0, packet, offset + IPV6_ADDRESSES_OFFSET, IPV6_ADDRESSES_BYTES);
        }
        if (report > VIRTIO_NET_HASH_REPORT_IPv6) {
            add(config, IPV6_ADDRESSES_BYTES, packet, offset + IPV6_BYTES, PORTS_BYTES);
        }
    }

    /** For each bit that is set, the 32 bits of the key from the same place on. */
    private void add(HashConfig config, int inputOffset, MemorySegment from, long offset, int byteSize) {
        for (int i = 0; i < byteSize; i++) {
            int bits = from.get(NetHeader.U8, offset + i) & 0xff;
            while (bits != 0) {
                int place = Integer.numberOfLeadingZeros(bits) - (Integer.SIZE - Byte.SIZE);
                value ^= config.keyBits((inputOffset + i) * Byte.SIZE + place);
                bits &= ~(0x80 >>> place);
            }
        }
    }

    private static int u16(MemorySegment from, long offset) {
        return from.get(BE16, offset) & 0xffff;
    }
}
