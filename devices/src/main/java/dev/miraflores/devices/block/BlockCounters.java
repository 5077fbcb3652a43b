// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.Counters;
import dev.miraflores.aio.EngineCounter;
import dev.miraflores.aio.LatencyCounts;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.virtio.ring.DriverFault;

/**
 * What has happened on one queue of a block device since it was opened, across resets.
 * <p>Thread: counted on the queue's I/O thread; read on any.
 */
public final class BlockCounters {

    private final Counters<BlockCounter> requests = new Counters<>(BlockCounter.values().length);
    private final Counters<BlockFault> faults = new Counters<>(BlockFault.values().length);
    private final Counters<DriverFault> driverFaults = new Counters<>(DriverFault.values().length);
    private final Counters<EngineCounter> engine = LinkOptions.engineCounters();
    private final LatencyCounts[] latencies = new LatencyCounts[Operation.values().length];

    BlockCounters() {
        for (int i = 0; i < latencies.length; i++) {
            latencies[i] = new LatencyCounts();
        }
    }

    /** Requests and their ends. */
    public Counters<BlockCounter> requests() {
        return requests;
    }

    /** Why requests were refused or chains given back, by the block device's rules. */
    public Counters<BlockFault> faults() {
        return faults;
    }

    /** Why chains were given back or the queue ended, by the rules of virtqueues. */
    public Counters<DriverFault> driverFaults() {
        return driverFaults;
    }

    /**
     * How long requests that do {@code operation} took, from when they were taken from the queue until they were answered,
     * well or not: what the guest waits for, limits, errors that were held and all.
     */
    public LatencyCounts latency(Operation operation) {
        return latencies[operation.ordinal()];
    }

    /** What the link to the file did. */
    public Counters<EngineCounter> engine() {
        return engine;
    }
}
