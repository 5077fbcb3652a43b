// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static dev.miraflores.bindings.virtio.virtio_abi.*;

/** Feature bits of a network device, as masks (virtio 1.3 §5.1.3). */
public final class NetFeatures {

    // Newer than the headers that the bindings were made from.
    private static final int VIRTIO_NET_F_GUEST_USO4 = 54;
    private static final int VIRTIO_NET_F_GUEST_USO6 = 55;
    private static final int VIRTIO_NET_F_HOST_USO = 56;

    /** The device finishes checksums. */
    public static final long CSUM = bit(VIRTIO_NET_F_CSUM);
    public static final long HOST_TSO4 = bit(VIRTIO_NET_F_HOST_TSO4);
    public static final long HOST_TSO6 = bit(VIRTIO_NET_F_HOST_TSO6);
    public static final long HOST_ECN = bit(VIRTIO_NET_F_HOST_ECN);
    public static final long HOST_UFO = bit(VIRTIO_NET_F_HOST_UFO);
    public static final long HOST_USO = bit(VIRTIO_NET_F_HOST_USO);

    /** The guest takes packets with checksums that are not finished. */
    public static final long GUEST_CSUM = bit(VIRTIO_NET_F_GUEST_CSUM);
    public static final long GUEST_TSO4 = bit(VIRTIO_NET_F_GUEST_TSO4);
    public static final long GUEST_TSO6 = bit(VIRTIO_NET_F_GUEST_TSO6);
    public static final long GUEST_ECN = bit(VIRTIO_NET_F_GUEST_ECN);
    public static final long GUEST_UFO = bit(VIRTIO_NET_F_GUEST_UFO);
    public static final long GUEST_USO4 = bit(VIRTIO_NET_F_GUEST_USO4);
    public static final long GUEST_USO6 = bit(VIRTIO_NET_F_GUEST_USO6);

    /** What the guest may leave to who gets its packets. */
    public static final long HOST_OFFLOADS = CSUM | HOST_TSO4 | HOST_TSO6 | HOST_ECN | HOST_UFO | HOST_USO;
    /** What may be left to the guest; also what VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET takes (§5.1.6.5.8). */
    public static final long GUEST_OFFLOADS =
        GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | GUEST_ECN | GUEST_UFO | GUEST_USO4 | GUEST_USO6;
    public static final long OFFLOADS = HOST_OFFLOADS | GUEST_OFFLOADS;

    public static final long MTU = bit(VIRTIO_NET_F_MTU);
    public static final long MAC = bit(VIRTIO_NET_F_MAC);
    public static final long MRG_RXBUF = bit(VIRTIO_NET_F_MRG_RXBUF);
    public static final long STATUS = bit(VIRTIO_NET_F_STATUS);
    public static final long CTRL_VQ = bit(VIRTIO_NET_F_CTRL_VQ);
    public static final long CTRL_RX = bit(VIRTIO_NET_F_CTRL_RX);
    public static final long CTRL_VLAN = bit(VIRTIO_NET_F_CTRL_VLAN);
    public static final long CTRL_RX_EXTRA = bit(VIRTIO_NET_F_CTRL_RX_EXTRA);
    public static final long CTRL_MAC_ADDR = bit(VIRTIO_NET_F_CTRL_MAC_ADDR);
    public static final long CTRL_GUEST_OFFLOADS = bit(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS);
    public static final long GUEST_ANNOUNCE = bit(VIRTIO_NET_F_GUEST_ANNOUNCE);
    public static final long MQ = bit(VIRTIO_NET_F_MQ);
    public static final long RSS = bit(VIRTIO_NET_F_RSS);
    public static final long HASH_REPORT = bit(VIRTIO_NET_F_HASH_REPORT);

    /** What is done by configuration and control queue, whatever moves the packets. */
    public static final long CONTROL = MTU | MAC | STATUS | CTRL_VQ | CTRL_RX | CTRL_VLAN | CTRL_RX_EXTRA | CTRL_MAC_ADDR
        | CTRL_GUEST_OFFLOADS | GUEST_ANNOUNCE | MQ;

    private static final long[][] NEEDS = {
        {HOST_TSO4 | HOST_TSO6 | HOST_UFO | HOST_USO, CSUM}, {HOST_ECN, HOST_TSO4 | HOST_TSO6},
        {GUEST_TSO4 | GUEST_TSO6 | GUEST_UFO | GUEST_USO4 | GUEST_USO6, GUEST_CSUM}, {GUEST_ECN, GUEST_TSO4 | GUEST_TSO6},
        {CTRL_RX | CTRL_VLAN | CTRL_RX_EXTRA | CTRL_MAC_ADDR | CTRL_GUEST_OFFLOADS | GUEST_ANNOUNCE | MQ | RSS | HASH_REPORT, CTRL_VQ},
    };

    private NetFeatures() {
    }

    /** Of {@code features} those whose own needs are among them, one of each at least (§5.1.3.1). */
    static long consistent(long features) {
        long left = features;
        for (long[] rule : NEEDS) {
            left &= (left & rule[1]) == 0 ? ~rule[0] : -1L;
        }
        return left;
    }

    /** What a driver that wants {@code features} can be given: without VIRTIO_NET_F_GUEST_CSUM nothing. */
    static long effectiveGuestOffloads(long features) {
        return consistent(features & GUEST_OFFLOADS);
    }

    private static long bit(int feature) {
        return 1L << feature;
    }
}
