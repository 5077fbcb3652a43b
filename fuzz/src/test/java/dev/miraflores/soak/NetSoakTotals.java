// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

/** What has gone through in all. */
final class NetSoakTotals {

    long sentPackets;
    long sentBytes;
    /** Left to the kernel or to the other guest to be cut up. */
    long sentToBeCut;
    long receivedPackets;
    long receivedBytes;
    /** To a change that was made while they were on their way. */
    long lost;
    /** Came when they were given up. */
    long late;
    /** Not ours: what the host's kernel says. */
    long foreign;
    long events;
    long resets;
    long flaps;
    int smallest = Integer.MAX_VALUE;
    int largest;

    void sent(NetSoakPacket packet) {
        sentPackets++;
        sentBytes += packet.frameBytes;
        sentToBeCut += packet.parts > 1 ? 1 : 0;
        smallest = Math.min(smallest, packet.frameBytes);
        largest = Math.max(largest, packet.frameBytes);
    }

    @Override
    public String toString() {
        return sentPackets + " packets of " + smallest + " to " + largest + " bytes (" + (sentBytes >> 20) + " MiB, " + sentToBeCut
            + " of them to be cut up) came as " + receivedPackets + " (" + (receivedBytes >> 20) + " MiB); " + lost + " lost to " + events
            + " changes (" + resets + " resets, " + flaps + " links down), " + late + " late; " + foreign + " not ours";
    }
}
