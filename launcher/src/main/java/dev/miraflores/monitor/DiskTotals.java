// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.devices.block.BlockCounters;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveStatus;
import org.HdrHistogram.Histogram;

/**
 * What has happened on all queues of a disk together; it counts on.
 *
 * @param status what they are of
 */
public record DiskTotals(DriveStatus status) {

    public static DiskTotals of(Drive drive) {
        return new DiskTotals(drive.status());
    }

    public long get(BlockCounter counter) {
        long sum = 0;
        for (BlockCounters queue : status.counters()) {
            sum += queue.requests().get(counter);
        }
        return sum;
    }

    /** How long its requests of that kind took together, in nanoseconds, to within a hundredth. */
    public long totalNs(Operation operation) {
        Histogram latency = status.latency(operation);
        return latency == null || latency.getTotalCount() == 0 ? 0 : (long) (latency.getMean() * latency.getTotalCount());
    }
}
