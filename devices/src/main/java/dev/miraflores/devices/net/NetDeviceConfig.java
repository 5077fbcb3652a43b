// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.aio.IoThreadOptions;

/**
 * What a NIC is to be like.
 *
 * @param id           its name, for the eyes of the operator
 * @param mac          its address, the first byte in the highest of the low 48 bits
 * @param queuePairs   at most so many; the back end may have fewer
 * @param queueSize    entries of each queue, a power of two
 * @param ioThreads    how many threads share the pairs, the first thread having the control queue too
 * @param thread       how they wait
 * @param mtu          the largest packet, without the Ethernet header, that the guest is told of; 0 where nothing is said of it
 * @param packed       whether packed queues are offered
 * @param inOrder      whether VIRTIO_F_IN_ORDER is offered
 * @param mergeable    whether a packet may be received into several buffers
 * @param rss          whether the guest may have packets steered by their hash. They are copied once more then, so that this is for
 *                     back ends that do not steer
 * @param hashReport   whether the guest may be told the hash of each packet
 */
public record NetDeviceConfig(
        String id, long mac, int queuePairs, int queueSize, int ioThreads, IoThreadOptions thread, int mtu, boolean packed,
        boolean inOrder, boolean mergeable, boolean rss, boolean hashReport) {

    public static final int DEFAULT_QUEUE_SIZE = 256;
    public static final int MAX_QUEUE_SIZE = 1024;
    /** The most that Linux's tap has queues. */
    public static final int MAX_QUEUE_PAIRS = 256;
    /** Of the field (virtio 1.3 §5.1.4.1). */
    public static final int MIN_MTU = 68;
    public static final int MAX_MTU = 65535;

    private static final int MIN_QUEUE_SIZE = 2;
    private static final long MAX_MAC = 0xffff_ffff_ffffL;

    /** @throws IllegalArgumentException with one line that says what is wrong */
    public NetDeviceConfig {
        check(mac >= 0 && mac <= MAX_MAC && !ReceiveFilter.isMulticast(mac) && mac != 0, id,
            "mac " + Long.toHexString(mac) + " is not that of one device");
        check(queuePairs >= 1 && queuePairs <= MAX_QUEUE_PAIRS, id, "queues " + queuePairs + ": from 1 to " + MAX_QUEUE_PAIRS + " are possible");
        check(queueSize >= MIN_QUEUE_SIZE && queueSize <= MAX_QUEUE_SIZE && Integer.bitCount(queueSize) == 1, id,
            "queue-size " + queueSize + ": a power of two from " + MIN_QUEUE_SIZE + " to " + MAX_QUEUE_SIZE + " is possible");
        check(ioThreads >= 1 && ioThreads <= queuePairs, id,
            "iothreads " + ioThreads + ": from 1 to its number of queue pairs, " + queuePairs + ", are possible");
        check(mtu == 0 || mtu >= MIN_MTU && mtu <= MAX_MTU, id, "mtu " + mtu + ": from " + MIN_MTU + " to " + MAX_MTU + " is possible");
        check(!rss || ioThreads == 1, id, "rss needs iothreads=1: a packet may go from any queue pair to any other");
    }

    private static void check(boolean holds, String id, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException("nic " + id + ": " + otherwise);
        }
    }

    /** One queue pair, on one thread; packed queues as an option of the guest's. */
    public static NetDeviceConfig of(String id, long mac) {
        return new NetDeviceConfig(
            id, mac, 1, DEFAULT_QUEUE_SIZE, 1, IoThreadOptions.DEFAULTS, 0, true, false, true, false, false);
    }

    public NetDeviceConfig withQueues(int pairs, int entries) {
        return new NetDeviceConfig(id, mac, pairs, entries, ioThreads, thread, mtu, packed, inOrder, mergeable, rss, hashReport);
    }

    public NetDeviceConfig withThreads(int count, IoThreadOptions options) {
        return new NetDeviceConfig(
            id, mac, queuePairs, queueSize, count, options, mtu, packed, inOrder, mergeable, rss, hashReport);
    }

    public NetDeviceConfig withMtu(int bytes) {
        return new NetDeviceConfig(
            id, mac, queuePairs, queueSize, ioThreads, thread, bytes, packed, inOrder, mergeable, rss, hashReport);
    }

    /** Whether what concerns the ring is offered. */
    public NetDeviceConfig withRing(boolean offerPacked, boolean offerInOrder, boolean offerMergeable) {
        return new NetDeviceConfig(
            id, mac, queuePairs, queueSize, ioThreads, thread, mtu, offerPacked, offerInOrder, offerMergeable, rss, hashReport);
    }

    /** Whether what concerns the packets' hashes is offered. */
    public NetDeviceConfig withHash(boolean offerRss, boolean offerReport) {
        return new NetDeviceConfig(
            id, mac, queuePairs, queueSize, ioThreads, thread, mtu, packed, inOrder, mergeable, offerRss, offerReport);
    }
}
