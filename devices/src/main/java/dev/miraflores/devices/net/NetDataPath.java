// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.devices.virtio.VirtioActivation;
import java.util.List;

/**
 * What moves a NIC's packets, while configuration and control queue stay with the {@link VirtioNetDevice}: this process
 * ({@link PortDataPath}), the host's kernel (vhost-net), or another process (vhost-user-net).
 * <p>The queues of pair {@code i} are {@code 2 * i}, which receives, and {@code 2 * i + 1}, which transmits (virtio 1.3 §5.1.2).
 * <p>Thread: the device's control thread, all that changes anything, while whoever caused it waits; what is only asked, any.
 * <p>Lifetime: {@code start} once; {@code activate} and {@code reset} alternate; {@code close} ends it, from either state.
 */
public interface NetDataPath extends AutoCloseable {

    /** What it is, for the eyes of the operator. */
    String description();

    /** How many queue pairs it can serve, at least 1. */
    int maxQueuePairs();

    /**
     * Feature bits that it can do, those of the ring (§6) included; the device adds what is its own: {@link NetFeatures#CONTROL}.
     */
    long features();

    /** The largest packet, without the Ethernet header, that the guest should send; 0 where it does not say. */
    int mtu();

    /** Its device is there, and may be told of what happens. */
    void start(NetPathEvents events);

    /**
     * The driver is ready: packets of the state's active pairs are moved from now on, until {@link #change} says otherwise.
     *
     * @param pairs how many pairs there are to these queues: all of them, or 1 for a driver that has no use for more. A queue is
     *              {@code null} where the driver enabled none
     * @param state what the device's other calls have said before
     */
    void activate(VirtioActivation activation, int pairs, NetState state);

    /**
     * As {@code VirtioDevice.reset}: when it returns, nothing of the path reads or writes guest memory, the queues or their
     * events any more, unless it {@link #isHung}. Does nothing where it is not active.
     */
    void reset();

    /** As {@code VirtioDevice.isHung}. */
    default boolean isHung() {
        return false;
    }

    /**
     * What the device wants of packets has changed: any of it, compare with the state before. Between {@code activate}
     * and {@code reset} only.
     *
     * @return 0; or −errno where the path stays as it was, which the driver is told
     */
    int change(NetState state);

    /** Whether {@link #change} can change what offloads the guest takes: VIRTIO_NET_F_CTRL_GUEST_OFFLOADS is offered then. */
    default boolean changesOffloads() {
        return true;
    }

    /** Moves nothing until {@link #resume}: once this returns, guest memory is left alone. Active or not. */
    void pause();

    /** Goes on after {@link #pause}. */
    void resume();

    /** What has gone through each pair, resets included; empty where only the kernel or the other process knows. */
    List<NetPairReport> report();

    /** @throws dev.miraflores.devices.virtio.MemoryInUseException where it {@link #isHung}; may be called again */
    @Override
    void close();
}
