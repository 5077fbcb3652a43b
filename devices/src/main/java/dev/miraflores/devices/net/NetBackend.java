// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/**
 * What is behind a NIC whose packets this process moves: a tap, a socket, a user-space network.
 * <p>Thread: the NIC's control thread, all that changes anything; what is only asked, any. That of a port, see {@link NetPort}.
 * <p>Lifetime: {@link #start} once; {@link #close} after its ports are not used any more.
 */
public interface NetBackend extends AutoCloseable {

    /** What it is, for the eyes of the operator: {@code tap,ifname=tap0}. Any thread. */
    String description();

    /** How many queue pairs it can serve, at least 1. */
    int maxQueuePairs();

    /** The port of a pair, from 0 to {@link #maxQueuePairs}; the same object each time. */
    NetPort port(int pair);

    /**
     * The offloads that it can carry, as virtio-net feature bits: VIRTIO_NET_F_CSUM and VIRTIO_NET_F_HOST_… for what the guest
     * leaves to it, VIRTIO_NET_F_GUEST_CSUM and VIRTIO_NET_F_GUEST_… for what it may leave to the guest ({@link NetFeatures#OFFLOADS}). 0 where it
     * does not carry headers.
     */
    long offloads();

    /**
     * The guest takes packets of these kinds from now on, and no others: VIRTIO_NET_F_GUEST_… bits, some of {@link #offloads} (TUNSETOFFLOAD).
     * None at first. Its ports may be at work meanwhile.
     *
     * @return 0 or −errno
     */
    int setOffloads(long guestOffloads);

    /**
     * Only the first {@code pairs} ports are used from now on (TUNSETQUEUE): packets are to come to one of them. 1 at first. Ports
     * that stay in use may be at work meanwhile.
     *
     * @return 0 or −errno
     */
    int setActivePairs(int pairs);

    /** The largest packet, without the Ethernet header, that it wants the guest to send; 0 where it does not say. */
    default int mtu() {
        return 0;
    }

    /** Its device is there, and may be told of what happens. Any pair may be served from now on. */
    default void start(NetBackendEvents events) {
    }

    @Override
    void close();
}
