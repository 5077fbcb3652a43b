// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static dev.miraflores.bindings.virtio.virtio_abi.*;

import dev.miraflores.virtio.ring.DescriptorChain;

/**
 * What a driver may ask for on the control queue. Each command is read and checked whole before anything of it is done; one that is
 * malformed, or of a feature that was not negotiated, is refused and changes nothing.
 * <p>Thread: the device's control thread; the counts, any.
 * <p>Source: virtio 1.3 §5.1.6.5.
 */
final class ControlCommands {

    /** What commands act upon. */
    interface Target {

        NetState state();

        /** Answers whether the data path has taken it; else all stays as it was. */
        boolean change(NetState to);

        /** The driver has seen that it is to announce itself. */
        void announced();
    }

    private static final int DATA_OFFSET = 2;
    private static final int MAC_BYTES = 6;
    private static final int COUNT_BYTES = 4;
    private static final int OFFLOADS_BYTES = 8;

    private final long features;
    private final int maxPairs;
    private final Target target;
    private volatile long done;
    private volatile long refused;

    /**
     * @param features those negotiated
     * @param maxPairs how many pairs the driver may use
     */
    ControlCommands(long features, int maxPairs, Target target) {
        this.features = features;
        this.maxPairs = maxPairs;
        this.target = target;
    }

    long done() {
        return done;
    }

    long refused() {
        return refused;
    }

    void countMalformed() {
        refused++;
    }

    /** @param chain of two readable bytes at least; answers whether it was done */
    boolean execute(DescriptorChain chain) {
        int type = chain.readByte(0) & 0xff;
        int command = chain.readByte(1) & 0xff;
        long dataBytes = chain.readableBytes() - DATA_OFFSET;
        boolean ok = switch (type) {
            case VIRTIO_NET_CTRL_RX -> setMode(chain, command, dataBytes);
            case VIRTIO_NET_CTRL_MAC -> setAddresses(chain, command, dataBytes);
            case VIRTIO_NET_CTRL_VLAN -> setVlan(chain, command, dataBytes);
            case VIRTIO_NET_CTRL_ANNOUNCE -> acknowledge(command);
            case VIRTIO_NET_CTRL_MQ -> setQueues(chain, command, dataBytes);
            case VIRTIO_NET_CTRL_GUEST_OFFLOADS -> setOffloads(chain, command, dataBytes);
            default -> false;
        };
        if (ok) {
            done++;
        } else {
            refused++;
        }
        return ok;
    }

    private boolean has(long feature) {
        return (features & feature) != 0;
    }

    private boolean setFilter(ReceiveFilter filter) {
        return target.change(target.state().withFilter(filter));
    }

    /** §5.1.6.5.1. */
    private boolean setMode(DescriptorChain chain, int command, long dataBytes) {
        ReceiveFilter.Mode mode = ReceiveFilter.Mode.of(command);
        if (mode == null || !has(needed(mode)) || dataBytes != 1) {
            return false;
        }
        int on = chain.readByte(DATA_OFFSET) & 0xff;
        return on <= 1 && setFilter(target.state().filter().with(mode, on == 1));
    }

    private static long needed(ReceiveFilter.Mode mode) {
        return switch (mode) {
            case PROMISCUOUS, ALL_MULTICAST -> NetFeatures.CTRL_RX;
            case ALL_UNICAST, NO_MULTICAST, NO_UNICAST, NO_BROADCAST -> NetFeatures.CTRL_RX_EXTRA;
        };
    }

    /** §5.1.6.5.2. */
    private boolean setAddresses(DescriptorChain chain, int command, long dataBytes) {
        return switch (command) {
            case VIRTIO_NET_CTRL_MAC_ADDR_SET -> has(NetFeatures.CTRL_MAC_ADDR) && dataBytes == MAC_BYTES
                && setFilter(target.state().filter().withMac(address(chain, DATA_OFFSET)));
            case VIRTIO_NET_CTRL_MAC_TABLE_SET -> has(NetFeatures.CTRL_RX) && setTables(chain, dataBytes);
            default -> false;
        };
    }

    /** Two tables, each behind its count. */
    private boolean setTables(DescriptorChain chain, long dataBytes) {
        if (dataBytes < 2 * COUNT_BYTES) {
            return false;
        }
        long unicasts = chain.readInt(DATA_OFFSET) & 0xffff_ffffL;
        long secondOffset = COUNT_BYTES + unicasts * MAC_BYTES;
        if (secondOffset + COUNT_BYTES > dataBytes) {
            return false;
        }
        long multicasts = chain.readInt(DATA_OFFSET + secondOffset) & 0xffff_ffffL;
        if (secondOffset + COUNT_BYTES + multicasts * MAC_BYTES != dataBytes) {
            return false;
        }
        long[] unicast = table(chain, DATA_OFFSET + COUNT_BYTES, unicasts, ReceiveFilter.MAX_ADDRESSES);
        int left = ReceiveFilter.MAX_ADDRESSES - (unicast == null ? 0 : unicast.length);
        long[] multicast = table(chain, DATA_OFFSET + secondOffset + COUNT_BYTES, multicasts, left);
        return setFilter(target.state().filter().withTables(unicast, multicast));
    }

    /** Or {@code null} where there are more than {@code most}. */
    private static long[] table(DescriptorChain chain, long offset, long count, int most) {
        if (count > most) {
            return null;
        }
        long[] table = new long[(int) count];
        for (int i = 0; i < table.length; i++) {
            table[i] = address(chain, offset + (long) i * MAC_BYTES);
        }
        return table;
    }

    private static long address(DescriptorChain chain, long offset) {
        long address = 0;
        for (int i = 0; i < MAC_BYTES; i++) {
            address = address << 8 | chain.readByte(offset + i) & 0xff;
        }
        return address;
    }

    /** §5.1.6.5.3. */
    private boolean setVlan(DescriptorChain chain, int command, long dataBytes) {
        boolean add = command == VIRTIO_NET_CTRL_VLAN_ADD;
        if (!has(NetFeatures.CTRL_VLAN) || !add && command != VIRTIO_NET_CTRL_VLAN_DEL || dataBytes != Short.BYTES) {
            return false;
        }
        int vlan = chain.readShort(DATA_OFFSET) & 0xffff;
        return vlan < ReceiveFilter.VLANS && setFilter(target.state().filter().withVlan(vlan, add));
    }

    /** §5.1.6.5.4. */
    private boolean acknowledge(int command) {
        if (command != VIRTIO_NET_CTRL_ANNOUNCE_ACK || !has(NetFeatures.GUEST_ANNOUNCE)) {
            return false;
        }
        target.announced();
        return true;
    }

    /** §5.1.6.5.5 to §5.1.6.5.7. */
    private boolean setQueues(DescriptorChain chain, int command, long dataBytes) {
        return switch (command) {
            case VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET -> has(NetFeatures.MQ) && dataBytes == Short.BYTES
                && setPairs(chain.readShort(DATA_OFFSET) & 0xffff);
            case VIRTIO_NET_CTRL_MQ_RSS_CONFIG -> has(NetFeatures.RSS) && setSteering(chain, dataBytes);
            case VIRTIO_NET_CTRL_MQ_HASH_CONFIG -> has(NetFeatures.HASH_REPORT) && setHash(chain, dataBytes);
            default -> false;
        };
    }

    /** The last command decides how packets are steered (§5.1.6.5.5). */
    private boolean setPairs(int pairs) {
        if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs > maxPairs) {
            return false;
        }
        HashConfig hash = target.state().hash();
        return target.change(target.state().withHash(pairs, hash.withoutSteering()));
    }

    /**
     * {@code struct virtio_net_rss_config}: le32 hash_types, le16 indirection_table_mask, le16 unclassified_queue, le16
     * indirection_table[], le16 max_tx_vq, u8 hash_key_length, u8 hash_key_data[].
     */
    private boolean setSteering(DescriptorChain chain, long dataBytes) {
        int tableOffset = DATA_OFFSET + 8;
        if (dataBytes < 8) {
            return false;
        }
        int types = chain.readInt(DATA_OFFSET);
        int entries = (chain.readShort(DATA_OFFSET + 4) & 0xffff) + 1;
        int unclassified = chain.readShort(DATA_OFFSET + 6) & 0xffff;
        int keyOffset = tableOffset + Short.BYTES * entries + Short.BYTES;
        if (entries > HashConfig.MAX_TABLE_ENTRIES || Integer.bitCount(entries) != 1 || unclassified >= maxPairs
                || dataBytes <= keyOffset - DATA_OFFSET) {
            return false;
        }
        int[] table = new int[entries];
        int highest = unclassified;
        for (int i = 0; i < entries; i++) {
            table[i] = chain.readShort(tableOffset + (long) Short.BYTES * i) & 0xffff;
            highest = Math.max(highest, table[i]);
        }
        int transmitPairs = chain.readShort(keyOffset - Short.BYTES) & 0xffff;
        byte[] key = key(chain, types, keyOffset, dataBytes);
        if (highest >= maxPairs || transmitPairs < 1 || transmitPairs > maxPairs || key == null) {
            return false;
        }
        return target.change(target.state().withHash(
            Math.max(transmitPairs, highest + 1), new HashConfig(types, key, true, unclassified, table)));
    }

    /** {@code struct virtio_net_hash_config}: le32 hash_types, le16 reserved[4], u8 hash_key_length, u8 hash_key_data[]. */
    private boolean setHash(DescriptorChain chain, long dataBytes) {
        int keyOffset = DATA_OFFSET + 12;
        if (dataBytes <= 12) {
            return false;
        }
        int types = chain.readInt(DATA_OFFSET);
        byte[] key = key(chain, types, keyOffset, dataBytes);
        if (key == null) {
            return false;
        }
        NetState state = target.state();
        return target.change(state.withHash(state.activePairs(), new HashConfig(types, key, false, 0, new int[1])));
    }

    /** The key behind its length at {@code offset}; {@code null} where the rest of the command is anything but that. */
    private static byte[] key(DescriptorChain chain, int types, int offset, long dataBytes) {
        int length = chain.readByte(offset) & 0xff;
        if ((types & ~HashConfig.SUPPORTED_TYPES) != 0 || length > HashConfig.MAX_KEY_BYTES
                || dataBytes != offset - DATA_OFFSET + 1 + length) {
            return null;
        }
        byte[] key = new byte[length];
        for (int i = 0; i < length; i++) {
            key[i] = chain.readByte(offset + 1L + i);
        }
        return key;
    }

    /** §5.1.6.5.8: a driver may switch on only what it has negotiated. */
    private boolean setOffloads(DescriptorChain chain, int command, long dataBytes) {
        if (command != VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET || !has(NetFeatures.CTRL_GUEST_OFFLOADS)
                || dataBytes != OFFLOADS_BYTES) {
            return false;
        }
        long offloads = chain.readLong(DATA_OFFSET);
        return (offloads & ~(features & NetFeatures.GUEST_OFFLOADS)) == 0
            && target.change(target.state().withGuestOffloads(NetFeatures.effectiveGuestOffloads(offloads)));
    }
}
