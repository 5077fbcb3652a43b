// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.IoThreadCounter;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.devices.block.BlockCounters;
import dev.miraflores.devices.block.InFlightRequest;
import dev.miraflores.devices.pci.PciSlotReport;
import dev.miraflores.machine.CharDeviceStatus;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveStatus;
import dev.miraflores.machine.IoThreadStatus;
import dev.miraflores.machine.VcpuStatus;
import dev.miraflores.monitor.BlockJob;
import dev.miraflores.monitor.DiskTotals;
import dev.miraflores.monitor.Disks;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.MonitorException;
import dev.miraflores.monitor.Throttles;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.HdrHistogram.Histogram;

/** What {@code info} shows. */
final class HmpInfo {

    private static final double NS_PER_US = 1e3;

    private final Monitor monitor;
    private final String version;
    private final Map<String, Consumer<StringBuilder>> all = new LinkedHashMap<>();

    HmpInfo(Monitor monitor, String version) {
        this.monitor = monitor;
        this.version = version;
        all.put("status", this::status);
        all.put("block", this::block);
        all.put("blockstats", this::blockStats);
        all.put("block-jobs", this::jobs);
        all.put("jobs", this::jobs);
        all.put("balloon", text -> line(text, "balloon: actual=%d", monitor.balloon().actualBytes() >> 20));
        all.put("cpus", this::cpus);
        all.put("iothreads", this::ioThreads);
        all.put("irqfd", this::irqFds);
        all.put("pci", this::pci);
        all.put("chardev", this::charDevices);
        all.put("name", text -> text.append(monitor.machine().name()).append('\n'));
        all.put("version", this::version);
    }

    List<String> names() {
        return List.copyOf(all.keySet());
    }

    String show(List<String> words) {
        if (words.isEmpty()) {
            return "info " + String.join("|", all.keySet()) + "\n";
        }
        Consumer<StringBuilder> shown = all.get(words.getFirst());
        if (shown == null) {
            throw new MonitorException("there is nothing to show for that; there is: " + String.join(", ", all.keySet()));
        }
        StringBuilder text = new StringBuilder();
        shown.accept(text);
        return text.toString();
    }

    private static void line(StringBuilder text, String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values)).append('\n');
    }

    private void status(StringBuilder text) {
        String status = monitor.run().status();
        boolean plain = status.equals("running") || status.equals("paused");
        line(text, "VM status: %s%s", status.equals("running") ? "running" : "paused", plain ? "" : " (" + status + ")");
    }

    private void version(StringBuilder text) {
        line(text, "miraflores %s; QMP as of QEMU 7.2", version);
    }

    private String name(Drive drive) {
        String device = monitor.disks().deviceName(drive);
        return device.isEmpty() ? drive.id() : device;
    }

    private void block(StringBuilder text) {
        for (Drive drive : monitor.disks().all()) {
            DriveStatus status = drive.status();
            line(text, "%s (%s): %s (%s%s)", name(drive), monitor.disks().node(drive).name(),
                    status.file() == null ? "nothing" : status.file(), monitor.disks().node(drive).driver(),
                    status.readOnly() ? ", read-only" : "");
            line(text, "    Attached to:      %s", Disks.backendPath(drive.id()));
            line(text, "    Cache mode:       %s", status.cache());
            line(text, "    Size:             %d", status.byteSize());
            line(text, "    Engine:           %s%s", status.engineWord(), status.whyNot().isEmpty() ? "" : " (" + status.whyNot() + ")");
            limits(text, drive.throttle(), drive.throttleGroup());
            for (InFlightRequest request : drive.inFlight()) {
                if (request.held()) {
                    line(text, "    Held:             %s", request);
                }
            }
        }
    }

    private static void limits(StringBuilder text, ThrottleConfig limits, String group) {
        if (!limits.isLimited()) {
            return;
        }
        StringBuilder values = new StringBuilder();
        for (ThrottleKind kind : ThrottleKind.values()) {
            values.append(Throttles.name(kind)).append('=').append(limits.limit(kind).rate()).append(' ');
        }
        line(text, "    I/O throttling:   %sgroup=%s", values, group);
    }

    private void blockStats(StringBuilder text) {
        for (Drive drive : monitor.disks().all()) {
            DiskTotals totals = DiskTotals.of(drive);
            line(text, "%s: rd_bytes=%d wr_bytes=%d rd_operations=%d wr_operations=%d flush_operations=%d unmap_operations=%d "
                    + "rd_total_time_ns=%d wr_total_time_ns=%d flush_total_time_ns=%d in_flight=%d", name(drive),
                    totals.get(BlockCounter.READ_BYTES), totals.get(BlockCounter.WRITTEN_BYTES), totals.get(BlockCounter.READS),
                    totals.get(BlockCounter.WRITES), totals.get(BlockCounter.FLUSHES), totals.get(BlockCounter.DISCARDS),
                    totals.totalNs(Operation.READ), totals.totalNs(Operation.WRITE), totals.totalNs(Operation.FLUSH),
                    drive.inFlight().size());
            for (Operation operation : Operation.values()) {
                latency(text, operation, totals.status().latency(operation));
            }
        }
    }

    private static void latency(StringBuilder text, Operation operation, Histogram latency) {
        if (latency == null || latency.getTotalCount() == 0) {
            return;
        }
        line(text, "    %-13s 50%% %.1f us, 99%% %.1f us, 99.9%% %.1f us, at most %.1f us", operation.name().toLowerCase(Locale.ROOT),
                latency.getValueAtPercentile(50) / NS_PER_US, latency.getValueAtPercentile(99) / NS_PER_US,
                latency.getValueAtPercentile(99.9) / NS_PER_US, latency.getMaxValue() / NS_PER_US);
    }

    private void jobs(StringBuilder text) {
        List<BlockJob> jobs = monitor.jobs().all();
        if (jobs.isEmpty()) {
            text.append("No active jobs\n");
        }
        for (BlockJob job : jobs) {
            line(text, "Type mirror, device %s: %s, completed %d of %d bytes, speed limit %d bytes/s, to %s", job.id(), job.status(),
                    job.offset(), job.length(), job.speed(), job.mirror().target());
        }
    }

    private void cpus(StringBuilder text) {
        for (VcpuStatus cpu : monitor.machine().vcpus()) {
            line(text, "%s CPU #%d: thread_id=%d", cpu.cpu() == 0 ? "*" : " ", cpu.cpu(), cpu.threadId());
            cpu.exits().forEach((reason, count) -> line(text, "    %-26s %d", reason, count));
        }
    }

    private void ioThreads(StringBuilder text) {
        for (IoThreadStatus thread : monitor.machine().ioThreads()) {
            line(text, "%s:", thread.name());
            line(text, "  thread_id=%d", thread.threadId());
            line(text, "  poll-max-ns=%d poll-grow=%d poll-shrink=%d", thread.options().pollMaxNs(), thread.options().pollGrow(),
                    thread.options().pollShrink());
            line(text, "  turns=%d events=%d sleeps=%d poll-hits=%d poll-misses=%d", thread.counters().get(IoThreadCounter.TURNS),
                    thread.counters().get(IoThreadCounter.EVENTS), thread.counters().get(IoThreadCounter.SLEEPS),
                    thread.counters().get(IoThreadCounter.POLL_HITS), thread.counters().get(IoThreadCounter.POLL_MISSES));
        }
    }

    /** Of each queue: how its driver's notifications come, and how many interrupts have left by its irqfd. */
    private void irqFds(StringBuilder text) {
        for (Drive drive : monitor.disks().all()) {
            DriveStatus status = drive.status();
            for (int queue = 0; queue < status.counters().size(); queue++) {
                BlockCounters counters = status.counters().get(queue);
                line(text, "%s queue %d: %s in, irqfd out: %d interrupts for %d batches, on %s", name(drive), queue,
                        status.dataplane() ? "ioeventfd" : "exits", counters.requests().get(BlockCounter.INTERRUPTS),
                        counters.requests().get(BlockCounter.BATCHES), status.threads().get(queue));
            }
        }
    }

    private void charDevices(StringBuilder text) {
        for (CharDeviceStatus device : monitor.machine().charDevices()) {
            line(text, "%s: filename=%s", device.id(), device.backend());
        }
    }

    private void pci(StringBuilder text) {
        for (PciSlotReport slot : monitor.machine().pciSlots()) {
            line(text, "  Bus  0, device %3d, function 0:", slot.slot());
            line(text, "    class %04x: PCI device %04x:%04x", slot.identity().classCode() >>> 8, slot.identity().vendorId(),
                    slot.identity().deviceId());
            if (slot.pin() != 0) {
                line(text, "      IRQ %d, pin %c", slot.gsi(), 'A' + slot.pin() - 1);
            }
            for (PciSlotReport.Region region : slot.regions()) {
                line(text, "      BAR%d: %s at 0x%x, %d bytes", region.index(),
                        region.io() ? "I/O" : region.wide() ? "64 bit memory" : "32 bit memory", region.address(), region.byteSize());
            }
        }
    }
}
