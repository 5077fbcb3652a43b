// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/**
 * Where the packets of one queue pair go, and come from: a queue of a tap, a socket.
 * <p>A packet travels with a {@code struct virtio_net_hdr_v1} in front (virtio 1.3 §5.1.6), {@link NetHeader#BYTES} long and little-endian, which
 * is what TUNSETVNETHDRSZ makes a tap's: it is the first iovec, alone, whatever else there is. A port that cannot carry it
 * ({@link NetBackend#offloads} is 0) leaves it out when it sends, and fills it with zeroes when it receives.
 * <p>The iovecs are the device's. What they point at is the guest's memory, or the device's, and holds until the call returns: the
 * guest may be writing there meanwhile, so nothing in it is to be looked at twice. The header and, of a packet received, its first
 * bytes are the device's own.
 * <p>Thread: the I/O thread of the pair, all methods.
 */
public interface NetPort {

    /**
     * What says, by poll(2), that a packet may be received, or sent after −EAGAIN. It is looked at when the pair begins to be
     * served, and anew after {@link NetBackendEvents#changePort}.
     *
     * @return a descriptor, non-blocking; −1 where there is none at the moment, and nothing to wait for
     */
    int descriptor();

    /**
     * Sends one packet, all of it or nothing.
     *
     * @param iovecs     address of an array of {@code struct iovec}: the header, then the frame, 14 bytes to {@link NetHeader#MAX_FRAME_BYTES}
     * @param iovecCount 2 to IOV_MAX
     * @return 0 or more where the packet is gone; −EAGAIN where it has to be sent again once the descriptor is writable; another
     *         −errno where it cannot be sent and is dropped
     */
    long send(long iovecs, int iovecCount);

    /** The packet that was answered with −EAGAIN last will not be sent again. */
    default void abandon() {
    }

    /**
     * Receives one packet, the next. Who asks does so until −EAGAIN before it waits for the descriptor.
     *
     * @param iovecs     address of an array of {@code struct iovec}: the header, then room for any frame, {@link NetHeader#MAX_FRAME_BYTES}
     * @param iovecCount 3 to IOV_MAX
     * @return bytes of header and frame; −EAGAIN where there is no packet; another −errno where none can be had, and the port is tried
     *         again later
     */
    long receive(long iovecs, int iovecCount);
}
