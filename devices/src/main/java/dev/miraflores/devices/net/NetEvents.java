// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/**
 * What a NIC tells the machine it belongs to.
 * <p>Thread: the NIC's control thread: what is called must not wait for anything, least of all for the NIC.
 */
public interface NetEvents {

    /** Tells nobody. */
    NetEvents NONE = new NetEvents() {
    };

    /** The guest wants to receive other packets than before: as often as the guest likes to. */
    default void filterChanged(VirtioNetDevice device) {
    }

    /** The link is up, or down. */
    default void linkChanged(VirtioNetDevice device, boolean up) {
    }
}
