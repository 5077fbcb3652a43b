// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_S_ANNOUNCE;
import static dev.miraflores.bindings.virtio.virtio_abi.VIRTIO_NET_S_LINK_UP;

import dev.miraflores.bindings.virtio.virtio_abi.virtio_net_config;

/**
 * Device configuration: {@code struct virtio_net_config} (virtio 1.3 §5.1.4). Little-endian; the driver only reads.
 * <pre>   0  u8[6] mac
 *    6  le16  status                 of the link; and whether the driver is to announce itself
 *    8  le16  max_virtqueue_pairs
 *   10  le16  mtu
 *   12  le32  speed                  unknown
 *   16  u8    duplex                 unknown
 *   17  u8    rss_max_key_size
 *   18  le16  rss_max_indirection_table_length
 *   20  le32  supported_hash_types </pre>
 * <p>Thread: any.
 */
final class NetConfigSpace {

    static final int BYTES = (int) virtio_net_config.sizeof;

    private static final int MAC_BYTES = 6;
    private static final long UNKNOWN_SPEED = 0xffff_ffffL;
    private static final long UNKNOWN_DUPLEX = 0xff;

    private final byte[] fixed = new byte[BYTES];
    private final boolean hasStatus;
    private volatile long mac;
    private volatile boolean linkUp = true;
    private volatile boolean announce;

    /** @param features those offered: what a field needs that is not, reads as 0 */
    NetConfigSpace(long features, int queuePairs, int mtu) {
        hasStatus = (features & NetFeatures.STATUS) != 0;
        put(virtio_net_config.max_virtqueue_pairs, 2, queuePairs);
        put(virtio_net_config.mtu, 2, (features & NetFeatures.MTU) != 0 ? mtu : 0);
        put(virtio_net_config.speed, 4, UNKNOWN_SPEED);
        put(virtio_net_config.duplex, 1, UNKNOWN_DUPLEX);
        if ((features & (NetFeatures.RSS | NetFeatures.HASH_REPORT)) != 0) {
            put(virtio_net_config.rss_max_key_size, 1, HashConfig.MAX_KEY_BYTES);
            put(virtio_net_config.rss_max_indirection_table_length, 2, HashConfig.MAX_TABLE_ENTRIES);
            put(virtio_net_config.supported_hash_types, 4, HashConfig.SUPPORTED_TYPES);
        }
    }

    private void put(long offset, int byteSize, long value) {
        for (int i = 0; i < byteSize; i++) {
            fixed[(int) offset + i] = (byte) (value >>> 8 * i);
        }
    }

    long read(int offset, int byteSize) {
        long value = 0;
        for (int i = byteSize - 1; i >= 0; i--) {
            value = value << 8 | byteAt(offset + i);
        }
        return value;
    }

    private int byteAt(int offset) {
        if (offset < MAC_BYTES) {
            return (int) (mac >>> 8 * (MAC_BYTES - 1 - offset)) & 0xff;
        }
        if (offset < virtio_net_config.max_virtqueue_pairs) {
            return status() >>> 8 * (offset - MAC_BYTES) & 0xff;
        }
        return fixed[offset] & 0xff;
    }

    private int status() {
        return hasStatus ? (linkUp ? VIRTIO_NET_S_LINK_UP : 0) | (announce ? VIRTIO_NET_S_ANNOUNCE : 0) : 0;
    }

    void setMac(long address) {
        mac = address;
    }

    void setLinkUp(boolean up) {
        linkUp = up;
    }

    void setAnnounce(boolean wanted) {
        announce = wanted;
    }

    boolean announce() {
        return announce;
    }
}
