// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.net.stream.StreamAddress;

/**
 * A stream socket behind a NIC.
 *
 * @param listens     whether the peer connects to us
 * @param reconnectMs how long after the peer has gone, or could not be connected to, it is tried again; 0 for never
 */
public record NicSocket(boolean listens, StreamAddress address, int reconnectMs) {
}
