// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import java.util.List;

/**
 * A NIC as it is now, for monitors.
 *
 * @param id             its name
 * @param backend        what is behind it
 * @param linkUp         whether the guest's link is up
 * @param linkUpByUser   whether the operator has not set it down
 * @param active         whether a driver uses it
 * @param features       negotiated, where it is active
 * @param maxQueuePairs  how many pairs there are
 * @param state          what the guest has asked for
 * @param pairs          what has gone through each pair; empty where only somebody else knows
 * @param commands       commands on the control queue that were done
 * @param refused        those that were answered with an error, or not at all
 */
public record NetReport(
        String id, String backend, boolean linkUp, boolean linkUpByUser, boolean active, long features, int maxQueuePairs,
        NetState state, List<NetPairReport> pairs, long commands, long refused) {
}
