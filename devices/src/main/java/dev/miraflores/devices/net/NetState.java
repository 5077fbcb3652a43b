// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/**
 * What driver and operator want of a NIC's packets at one time.
 *
 * @param activePairs   how many queue pairs are in use (virtio 1.3 §5.1.6.5.5)
 * @param guestOffloads which kinds of packets the guest takes: VIRTIO_NET_F_GUEST_… bits (§5.1.6.5.8)
 * @param linkUp        whether packets get through at all
 * @param filter        which ones the guest wants to receive (§5.1.6.5.1 to §5.1.6.5.3)
 * @param hash          what to calculate of packets received, and to which queue they go by it (§5.1.6.4.3, §5.1.6.5.7); never {@code null}
 */
public record NetState(int activePairs, long guestOffloads, boolean linkUp, ReceiveFilter filter, HashConfig hash) {

    NetState withGuestOffloads(long offloads) {
        return new NetState(activePairs, offloads, linkUp, filter, hash);
    }

    NetState withLinkUp(boolean up) {
        return new NetState(activePairs, guestOffloads, up, filter, hash);
    }

    NetState withFilter(ReceiveFilter other) {
        return new NetState(activePairs, guestOffloads, linkUp, other, hash);
    }

    NetState withHash(int pairs, HashConfig other) {
        return new NetState(pairs, guestOffloads, linkUp, filter, other);
    }
}
