// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/**
 * How a data path speaks to its NIC.
 * <p>Thread: any; none of the calls waits.
 */
public interface NetPathEvents {

    /** Whether there is anybody at the other end: the guest sees it as its link's state, unless the operator has set that down. */
    void linkChanged(boolean up);

    /** The guest should say where it is, as after a move: VIRTIO_NET_S_ANNOUNCE (virtio 1.3 §5.1.6.5.4). */
    void announce();
}
