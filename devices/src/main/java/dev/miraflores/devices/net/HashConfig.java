// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static dev.miraflores.bindings.virtio.virtio_abi.*;

/**
 * What to calculate of packets received, and which queue they go to by it (virtio 1.3 §5.1.6.4.3, §5.1.6.5.7).
 * <p>Thread: any; never changes.
 */
public final class HashConfig {

    /** The longest key, as much as the longest input needs: two IPv6 addresses and two ports, and 32 bits more. */
    public static final int MAX_KEY_BYTES = 40;
    /** The longest indirection table, as in QEMU. */
    public static final int MAX_TABLE_ENTRIES = 128;

    /** The kinds of hash that can be calculated; those with IPv6 extension headers cannot. */
    public static final int SUPPORTED_TYPES = VIRTIO_NET_RSS_HASH_TYPE_IPv4 | VIRTIO_NET_RSS_HASH_TYPE_TCPv4
        | VIRTIO_NET_RSS_HASH_TYPE_UDPv4 | VIRTIO_NET_RSS_HASH_TYPE_IPv6 | VIRTIO_NET_RSS_HASH_TYPE_TCPv6
        | VIRTIO_NET_RSS_HASH_TYPE_UDPv6;

    /** Nothing is calculated, and packets stay in the pair that they came to. */
    static final HashConfig NONE = new HashConfig(0, new byte[0], false, 0, new int[1]);

    private final int types;
    private final byte[] key;
    private final boolean steers;
    private final int unclassifiedQueue;
    private final int[] table;

    /**
     * @param types             VIRTIO_NET_RSS_HASH_TYPE_… that are enabled
     * @param steers            whether packets are steered by it (RSS), or the hash is only reported
     * @param unclassifiedQueue the pair of packets that have no hash
     * @param table             a power of two of pairs
     */
    HashConfig(int types, byte[] key, boolean steers, int unclassifiedQueue, int[] table) {
        this.types = types;
        this.key = key.clone();
        this.steers = steers;
        this.unclassifiedQueue = unclassifiedQueue;
        this.table = table.clone();
    }

    /** The same hash, of which nothing comes but a report. */
    HashConfig withoutSteering() {
        return steers ? new HashConfig(types, key, false, 0, new int[1]) : this;
    }

    public int types() {
        return types;
    }

    /** The Toeplitz key. */
    public byte[] key() {
        return key.clone();
    }

    /** Whether packets go to queues by their hash. */
    public boolean steers() {
        return steers;
    }

    public int unclassifiedQueue() {
        return unclassifiedQueue;
    }

    /** The indirection table. */
    public int[] table() {
        return table.clone();
    }

    /** Up to 32 bits of the key from bit {@code bit} on, counted from its first; there are zeroes behind its end. */
    int keyBits(int bit) {
        long bits = 0;
        int first = bit / Byte.SIZE;
        for (int i = first; i < first + 5; i++) {
            bits = bits << Byte.SIZE | (i < key.length ? key[i] & 0xff : 0);
        }
        return (int) (bits >>> Byte.SIZE - bit % Byte.SIZE);
    }

    int pairOf(int hash) {
        return table[hash & table.length - 1];
    }
}
