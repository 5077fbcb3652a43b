// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import static dev.miraflores.monitor.json.Json.object;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.IoThreadCounter;
import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.devices.block.BlockCounters;
import dev.miraflores.devices.block.InFlightRequest;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveStatus;
import dev.miraflores.machine.IoThreadStatus;
import dev.miraflores.machine.VcpuStatus;
import dev.miraflores.monitor.Monitor;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.HdrHistogram.Histogram;

/**
 * {@code x-hv-query-stats}: what QEMU has no schema for. All numbers count on from the machine's start, so that any two
 * answers make a rate; latencies are HdrHistograms of nanoseconds, compressed as its own tools read them, in base 64.
 */
final class QmpStatistics {

    private final Monitor monitor;

    QmpStatistics(Monitor monitor) {
        this.monitor = monitor;
    }

    List<QmpCommand> commands() {
        return List.of(QmpCommand.of("x-hv-query-stats", "", _ -> statistics()));
    }

    private Map<String, Object> statistics() {
        List<Object> vcpus = new ArrayList<>();
        for (VcpuStatus cpu : monitor.machine().vcpus()) {
            vcpus.add(object("cpu-index", cpu.cpu(), "thread-id", cpu.threadId(), "exits", cpu.exits()));
        }
        List<Object> disks = new ArrayList<>();
        for (Drive drive : monitor.disks().all()) {
            disks.add(disk(drive));
        }
        List<Object> threads = new ArrayList<>();
        for (IoThreadStatus thread : monitor.machine().ioThreads()) {
            threads.add(ioThread(thread));
        }
        return object("name", monitor.machine().name(), "status", monitor.run().status(), "time-ns", monitor.ageNs(),
                "vcpus", vcpus, "disks", disks, "nics", new QmpNet(monitor).statistics(), "iothreads", threads,
                "balloon", QmpBalloon.statistics(monitor.machine().balloon()));
    }

    private Map<String, Object> disk(Drive drive) {
        DriveStatus status = drive.status();
        List<InFlightRequest> inFlight = drive.inFlight();
        long oldestNs = inFlight.stream().mapToLong(InFlightRequest::ageNs).max().orElse(0);
        List<Object> queues = new ArrayList<>();
        for (int queue = 0; queue < status.counters().size(); queue++) {
            int index = queue;
            Map<String, Object> counters = object("queue", queue, "thread", status.threads().get(queue),
                    "in-flight", inFlight.stream().filter(request -> request.queue() == index).count());
            counters.putAll(counters(status.counters().get(queue)));
            queues.add(counters);
        }
        Map<String, Object> latency = new LinkedHashMap<>();
        for (Operation operation : Operation.values()) {
            Histogram histogram = status.latency(operation);
            if (histogram != null && histogram.getTotalCount() > 0) {
                latency.put(word(operation), encoded(histogram));
            }
        }
        return object("id", drive.id(), "engine", status.engineWord(), "engine-why-not", status.whyNot(),
                "dataplane", status.dataplane(), "size", status.byteSize(), "in-flight", inFlight.size(), "oldest-ns", oldestNs,
                "queues", queues, "latency", latency);
    }

    private static Map<String, Object> counters(BlockCounters queue) {
        Map<String, Object> counters = new LinkedHashMap<>();
        for (BlockCounter counter : BlockCounter.values()) {
            counters.put(word(counter), queue.requests().get(counter));
        }
        return counters;
    }

    private static Map<String, Object> ioThread(IoThreadStatus thread) {
        Map<String, Object> counters = object("id", thread.name(), "thread-id", thread.threadId());
        for (IoThreadCounter counter : IoThreadCounter.values()) {
            counters.put(word(counter), thread.counters().get(counter));
        }
        return counters;
    }

    private static String word(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static String encoded(Histogram histogram) {
        ByteBuffer buffer = ByteBuffer.allocate(histogram.getNeededByteBufferCapacity());
        int length = histogram.encodeIntoCompressedByteBuffer(buffer);
        return Base64.getEncoder().encodeToString(Arrays.copyOf(buffer.array(), length));
    }
}
