// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.metrics;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.IoThreadCounter;
import dev.miraflores.devices.balloon.BalloonCounter;
import dev.miraflores.devices.balloon.BalloonStatistic;
import dev.miraflores.devices.balloon.BalloonStatistics;
import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.devices.block.InFlightRequest;
import dev.miraflores.machine.Balloon;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.IoThreadStatus;
import dev.miraflores.machine.VcpuStatus;
import dev.miraflores.monitor.DiskTotals;
import dev.miraflores.monitor.Monitor;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.HdrHistogram.Histogram;

/** Writes them. Names begin with {@code hv_}, units are seconds and bytes, as OpenMetrics wants them. */
public final class OpenMetrics {

    /** For HTTP. */
    public static final String CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    private static final double NS_PER_S = 1e9;

    /** The upper bounds of the latencies' buckets, in nanoseconds: two or three for each power of ten. */
    private static final long[] BOUNDS_NS = {10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000L, 10_000_000_000L};

    private static final Map<BlockCounter, String> OPERATIONS = Map.of(BlockCounter.READS, "read", BlockCounter.WRITES, "write",
            BlockCounter.FLUSHES, "flush", BlockCounter.DISCARDS, "discard", BlockCounter.WRITE_ZEROES, "write_zeroes");
    private static final Map<BlockCounter, String> BYTES = Map.of(BlockCounter.READ_BYTES, "read",
            BlockCounter.WRITTEN_BYTES, "write", BlockCounter.DISCARDED_BYTES, "discard", BlockCounter.ZEROED_BYTES, "write_zeroes");
    private static final Map<BlockCounter, String> ERRORS = Map.of(BlockCounter.READ_ERRORS, "read", BlockCounter.WRITE_ERRORS,
            "write", BlockCounter.FLUSH_ERRORS, "flush", BlockCounter.DISCARD_ERRORS, "discard",
            BlockCounter.WRITE_ZEROES_ERRORS, "write_zeroes");

    private final StringBuilder text = new StringBuilder();
    private final String machine;

    private OpenMetrics(String machine) {
        this.machine = machine;
    }

    /** All that the machine counts, as of now. */
    public static String text(Monitor monitor) {
        OpenMetrics metrics = new OpenMetrics(monitor.machine().name());
        metrics.family("hv_running", "gauge", "Whether the machine runs");
        metrics.sample("hv_running", monitor.run().isRunning() ? 1 : 0);
        metrics.vcpus(monitor.machine().vcpus());
        metrics.disks(monitor.disks().all());
        new NicMetrics(metrics).write(monitor.networks().all());
        metrics.balloon(monitor.machine().balloon());
        metrics.ioThreads(monitor.machine().ioThreads());
        return metrics.text.append("# EOF\n").toString();
    }

    private void vcpus(List<VcpuStatus> all) {
        family("hv_vcpu_exits", "counter", "Times a vCPU has left the guest");
        for (VcpuStatus cpu : all) {
            cpu.exits().forEach((reason, count) -> sample("hv_vcpu_exits_total", count,
                    "vcpu", String.valueOf(cpu.cpu()), "reason", reason));
        }
    }

    private void disks(List<Drive> drives) {
        List<DiskTotals> disks = drives.stream().map(DiskTotals::of).toList();
        counters(disks, "hv_disk_operations", "Requests that completed well", OPERATIONS);
        family("hv_disk_bytes", "counter", "Bytes of requests that completed well");
        text.append("# UNIT hv_disk_bytes bytes\n");
        counters(disks, "hv_disk_bytes", BYTES);
        counters(disks, "hv_disk_errors", "Requests that failed on the host", ERRORS);
        single(disks, "hv_disk_interrupts", "Used buffer notifications sent", BlockCounter.INTERRUPTS);
        single(disks, "hv_disk_refused", "Requests of the guest that were refused", BlockCounter.REFUSED);
        family("hv_disk_in_flight", "gauge", "Requests that have not been answered yet");
        for (Drive drive : drives) {
            sample("hv_disk_in_flight", drive.inFlight().size(), "disk", drive.id());
        }
        family("hv_disk_held", "gauge", "Requests that failed and wait for the machine to be resumed");
        for (Drive drive : drives) {
            sample("hv_disk_held", drive.inFlight().stream().filter(InFlightRequest::held).count(), "disk", drive.id());
        }
        family("hv_disk_latency_seconds", "histogram", "How long requests took");
        text.append("# UNIT hv_disk_latency_seconds seconds\n");
        for (DiskTotals disk : disks) {
            for (Operation operation : Operation.values()) {
                latency(disk, operation);
            }
        }
    }

    private void counters(List<DiskTotals> disks, String name, String help, Map<BlockCounter, String> words) {
        family(name, "counter", help);
        counters(disks, name, words);
    }

    private void counters(List<DiskTotals> disks, String name, Map<BlockCounter, String> words) {
        for (DiskTotals disk : disks) {
            for (BlockCounter counter : BlockCounter.values()) {
                if (words.containsKey(counter)) {
                    sample(name + "_total", disk.get(counter), "disk", disk.status().id(), "operation", words.get(counter));
                }
            }
        }
    }

    private void single(List<DiskTotals> disks, String name, String help, BlockCounter counter) {
        family(name, "counter", help);
        for (DiskTotals disk : disks) {
            sample(name + "_total", disk.get(counter), "disk", disk.status().id());
        }
    }

    private void latency(DiskTotals disk, Operation operation) {
        Histogram latency = disk.status().latency(operation);
        if (latency == null || latency.getTotalCount() == 0) {
            return;
        }
        String name = "hv_disk_latency_seconds";
        String id = disk.status().id();
        String word = operation.name().toLowerCase(Locale.ROOT);
        for (long bound : BOUNDS_NS) {
            sample(name + "_bucket", latency.getCountBetweenValues(0, bound), "disk", id, "operation", word,
                    "le", String.valueOf(bound / NS_PER_S));
        }
        sample(name + "_bucket", latency.getTotalCount(), "disk", id, "operation", word, "le", "+Inf");
        sample(name + "_count", latency.getTotalCount(), "disk", id, "operation", word);
        sample(name + "_sum", latency.getMean() * latency.getTotalCount() / NS_PER_S, "disk", id, "operation", word);
    }

    private void balloon(Balloon balloon) {
        if (balloon == null) {
            return;
        }
        gauge("hv_balloon_actual_bytes", "Guest memory without what is in the balloon, as the guest says", balloon.actualBytes());
        gauge("hv_balloon_target_bytes", "Guest memory that the guest was asked to make do with", balloon.targetBytes());
        for (BalloonCounter counter : BalloonCounter.values()) {
            String name = "hv_balloon_" + counter.name().toLowerCase(Locale.ROOT);
            family(name, "counter", "What the balloon has done: " + counter.name().toLowerCase(Locale.ROOT).replace('_', ' '));
            sample(name + "_total", balloon.counters().get(counter));
        }
        BalloonStatistics statistics = balloon.statistics();
        if (statistics.lastUpdate() == 0) {
            return;
        }
        gauge("hv_balloon_stat_last_update_seconds", "When the guest told what follows, since 1970", statistics.lastUpdate());
        for (BalloonStatistic statistic : BalloonStatistic.values()) {
            long value = statistics.get(statistic);
            if (value != BalloonStatistics.UNKNOWN) {
                String name = "hv_balloon_" + statistic.toString().replace('-', '_');
                family(name, "gauge", "As the guest says: " + statistic.toString().substring("stat-".length()).replace('-', ' '));
                labels(name);
                text.append(Long.toUnsignedString(value)).append('\n');
            }
        }
    }

    private void gauge(String name, String help, long value) {
        family(name, "gauge", help);
        sample(name, value);
    }

    private void ioThreads(List<IoThreadStatus> threads) {
        for (IoThreadCounter counter : IoThreadCounter.values()) {
            boolean time = counter.name().endsWith("_NS");
            String word = counter.name().toLowerCase(Locale.ROOT);
            String name = "hv_iothread_" + (time ? word.substring(0, word.length() - 3) + "_seconds" : word);
            family(name, "counter", "What an I/O thread has done: " + word.replace('_', ' '));
            for (IoThreadStatus thread : threads) {
                long value = thread.counters().get(counter);
                if (time) {
                    sample(name + "_total", value / NS_PER_S, "thread", thread.name());
                } else {
                    sample(name + "_total", value, "thread", thread.name());
                }
            }
        }
    }

    void family(String name, String type, String help) {
        text.append("# TYPE ").append(name).append(' ').append(type).append('\n');
        text.append("# HELP ").append(name).append(' ').append(help).append('\n');
    }

    void sample(String name, long value, String... labels) {
        labels(name, labels);
        text.append(value).append('\n');
    }

    private void sample(String name, double value, String... labels) {
        labels(name, labels);
        text.append(value).append('\n');
    }

    private void labels(String name, String... labels) {
        text.append(name).append("{vm=\"").append(escaped(machine)).append('"');
        for (int i = 0; i < labels.length; i += 2) {
            text.append(',').append(labels[i]).append("=\"").append(escaped(labels[i + 1])).append('"');
        }
        text.append("} ");
    }

    private static String escaped(String value) {
        return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    }
}
