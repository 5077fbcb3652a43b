// SPDX-License-Identifier: Apache-2.0

/**
 * NICs whose packets go to another process over a stream socket: another machine of ours, QEMU's {@code -netdev stream} and
 * {@code -netdev socket}, passt. Start at {@link dev.miraflores.devices.net.stream.StreamBackend}.
 * <p>Each frame has its length before it, 32 bits and big-endian, and nothing else: no virtio header, so nothing is left to the
 * other side to do (QEMU, net/stream.c and net/net.c). The peer is not trusted: what it sends is a length that is checked, and
 * bytes for the guest.
 * <pre>  0   be32   length
 *   4   u8     frame[length] </pre>
 */
package dev.miraflores.devices.net.stream;
