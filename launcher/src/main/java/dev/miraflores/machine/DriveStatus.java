// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.LatencyCounts;
import dev.miraflores.devices.block.BlockCounters;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.vhostuser.frontend.VhostUserBlockDevice;
import java.util.ArrayList;
import java.util.List;
import org.HdrHistogram.Histogram;

/**
 * What a disk is at one moment.
 *
 * @param id        its name within the machine
 * @param file      what is behind it, or null for nothing; the socket of a vhost-user back end
 * @param format    what that holds
 * @param engine    what does its I/O; null where that is another process
 * @param whyNot    why nothing better does, in one line; empty where nothing better is known, or that one was wished for
 * @param cache     how the host's page cache is used
 * @param readOnly  whether the guest may not write
 * @param dataplane whether it has threads of its own
 * @param byteSize  bytes on the disk
 * @param threads   the I/O thread of each queue; where another process does its I/O, the one that speaks with that
 * @param counters  what has happened on each queue; they count on. None where another process knows
 */
public record DriveStatus(String id, String file, DriveConfig.Format format, EngineKind engine, String whyNot,
        CacheMode cache, boolean readOnly, boolean dataplane, long byteSize, List<String> threads,
        List<BlockCounters> counters) {

    /**
     * How long its requests that do {@code operation} took up to now, in nanoseconds, on all queues together: percentiles, for
     * instance. The caller's own. Empty where another process knows.
     */
    public Histogram latency(Operation operation) {
        Histogram sum = new LatencyCounts().histogram();
        for (BlockCounters queue : counters) {
            sum.add(queue.latency(operation).histogram());
        }
        return sum;
    }

    /** What {@code aio=} calls its engine, or {@code vhost-user} where that is another process. */
    public String engineWord() {
        return engine == null ? "vhost-user" : engine.word();
    }

    static DriveStatus of(DriveConfig config, String file, VirtioBlockDevice device) {
        List<String> threads = new ArrayList<>();
        List<BlockCounters> counters = new ArrayList<>();
        for (int queue = 0; queue < device.queueCount(); queue++) {
            threads.add(device.thread(queue).name());
            counters.add(device.counters(queue));
        }
        return new DriveStatus(device.id(), file, config.format(), device.engine().kind(),
                device.engine().whyNot(), config.cache(), device.backend().isReadOnly(), config.dataplane(),
                device.backend().byteSize(), List.copyOf(threads), List.copyOf(counters));
    }

    static DriveStatus of(DriveConfig config, VhostUserBlockDevice device) {
        return new DriveStatus(device.id(), config.vhostUser(), config.format(), null, "", config.cache(),
                device.isReadOnly(), true, device.byteSize(), List.of(device.threadName()), List.of());
    }
}
