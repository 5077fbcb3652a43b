// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/**
 * One queue pair, for monitors.
 *
 * @param index       from 0 on
 * @param active      whether the driver uses it
 * @param received    what came from the network
 * @param transmitted what went there
 */
public record NetPairReport(int index, boolean active, NetCounters received, NetCounters transmitted) {
}
