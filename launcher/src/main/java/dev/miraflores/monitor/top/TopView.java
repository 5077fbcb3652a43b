// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.top;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.HdrHistogram.Histogram;

/** What happened between two samples, for people. */
public final class TopView {

    private static final String HOME = "\u001b[H";
    private static final String CLEAR_LINE = "\u001b[K";
    private static final String CLEAR_REST = "\u001b[J";
    private static final double NS_PER_S = 1e9;
    private static final double NS_PER_US = 1e3;
    private static final double MIB = 1 << 20;
    private static final double MBIT = 1e6;
    private static final int BITS_PER_BYTE = 8;

    private final TopSample before;
    private final TopSample now;
    private final double seconds;
    private final StringBuilder text = new StringBuilder();

    private TopView(TopSample before, TopSample now) {
        this.before = before;
        this.now = now;
        this.seconds = Math.max(1e-9, (now.timeNs() - before.timeNs()) / NS_PER_S);
    }

    /** As lines. */
    public static String text(TopSample before, TopSample now) {
        TopView view = new TopView(before, now);
        view.all();
        return view.text.append('\n').toString();
    }

    /** As a terminal's whole screen of that many lines, without flicker. */
    public static String screen(TopSample before, TopSample now, int lines) {
        StringBuilder screen = new StringBuilder(HOME);
        text(before, now).lines().limit(Math.max(1, lines - 1)).forEach(line -> screen.append(line).append(CLEAR_LINE).append("\n"));
        return screen.append(CLEAR_REST).toString();
    }

    private void line(String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
    }

    private void all() {
        line("%s  %s  up %.0f s  over %.1f s", now.name(), now.status(), now.timeNs() / NS_PER_S, seconds);
        line("");
        vcpus();
        line("");
        disks();
        line("");
        if (!now.nics().isEmpty()) {
            nics();
            line("");
        }
        threads();
    }

    private double rate(long later, long earlier) {
        return Math.max(0, later - earlier) / seconds;
    }

    /** Exits a second by reason, those that came up at all. */
    private void vcpus() {
        List<String> reasons = new ArrayList<>(new TreeMap<>(union()).keySet());
        StringBuilder head = new StringBuilder(String.format(Locale.ROOT, "%-4s %10s", "VCPU", "EXITS/s"));
        reasons.forEach(reason -> head.append(String.format(Locale.ROOT, " %10s", shortName(reason))));
        line("%s", head);
        for (int cpu = 0; cpu < now.vcpus().size(); cpu++) {
            Map<String, Long> later = now.vcpus().get(cpu);
            Map<String, Long> earlier = cpu < before.vcpus().size() ? before.vcpus().get(cpu) : Map.of();
            double sum = 0;
            StringBuilder rates = new StringBuilder();
            for (String reason : reasons) {
                double rate = rate(later.getOrDefault(reason, 0L), earlier.getOrDefault(reason, 0L));
                sum += rate;
                rates.append(String.format(Locale.ROOT, " %10.0f", rate));
            }
            line("%-4d %10.0f%s", cpu, sum, rates);
        }
    }

    private Map<String, Long> union() {
        Map<String, Long> all = new TreeMap<>();
        now.vcpus().forEach(all::putAll);
        return all;
    }

    private static String shortName(String reason) {
        String name = reason.startsWith("KVM_EXIT_") ? reason.substring("KVM_EXIT_".length()) : reason;
        return name.length() <= 10 ? name : name.substring(0, 10);
    }

    private TopSample.Disk earlier(TopSample.Disk disk) {
        for (TopSample.Disk one : before.disks()) {
            if (one.id().equals(disk.id())) {
                return one;
            }
        }
        return new TopSample.Disk(disk.id(), disk.engine(), 0, Map.of(), Map.of());
    }

    private void disks() {
        line("%-12s %-8s %5s %9s %9s %9s %9s %9s %7s", "DISK", "ENGINE", "QUEUE", "READ/s", "WRITE/s", "OTHER/s", "rMiB/s", "wMiB/s", "IRQ/s");
        for (TopSample.Disk disk : now.disks()) {
            TopSample.Disk earlier = earlier(disk);
            line("%-12s %-8s %5d %9.0f %9.0f %9.0f %9.1f %9.1f %7.0f", disk.id(), disk.engine(), disk.inFlight(),
                    rate(disk, earlier, "reads"), rate(disk, earlier, "writes"),
                    rate(disk, earlier, "flushes") + rate(disk, earlier, "discards") + rate(disk, earlier, "write-zeroes"),
                    rate(disk, earlier, "read-bytes") / MIB, rate(disk, earlier, "written-bytes") / MIB,
                    rate(disk, earlier, "interrupts"));
        }
        line("");
        line("%-12s %-12s %9s %9s %9s %9s %9s", "DISK", "LATENCY us", "COUNT", "50%", "99%", "99.9%", "MAX");
        for (TopSample.Disk disk : now.disks()) {
            TopSample.Disk earlier = earlier(disk);
            disk.latency().forEach((operation, histogram) -> latency(disk.id(), operation,
                    difference(histogram, earlier.latency().get(operation))));
        }
    }

    private double rate(TopSample.Disk disk, TopSample.Disk earlier, String counter) {
        return rate(disk.get(counter), earlier.get(counter));
    }

    private static Histogram difference(Histogram later, Histogram earlier) {
        Histogram difference = later.copy();
        if (earlier != null && earlier.getTotalCount() <= later.getTotalCount()) {
            difference.subtract(earlier);
        }
        return difference;
    }

    private void latency(String disk, String operation, Histogram histogram) {
        if (histogram.getTotalCount() == 0) {
            return;
        }
        line("%-12s %-12s %9d %9.1f %9.1f %9.1f %9.1f", disk, operation, histogram.getTotalCount(),
                histogram.getValueAtPercentile(50) / NS_PER_US, histogram.getValueAtPercentile(99) / NS_PER_US,
                histogram.getValueAtPercentile(99.9) / NS_PER_US, histogram.getMaxValue() / NS_PER_US);
    }

    private void nics() {
        line("%-12s %-4s %9s %9s %9s %9s %9s %9s %7s", "NIC", "LINK", "RX/s", "TX/s", "rxMbit/s", "txMbit/s", "rxDROP/s", "txDROP/s", "IRQ/s");
        for (TopSample.Nic nic : now.nics()) {
            TopSample.Nic earlier = earlier(nic);
            line("%-12s %-4s %9.0f %9.0f %9.1f %9.1f %9.0f %9.0f %7.0f", nic.id(), nic.link() ? "up" : "down",
                    rate(nic.rx(), earlier.rx(), "packets"), rate(nic.tx(), earlier.tx(), "packets"),
                    rate(nic.rx(), earlier.rx(), "bytes") * BITS_PER_BYTE / MBIT, rate(nic.tx(), earlier.tx(), "bytes") * BITS_PER_BYTE / MBIT,
                    rate(nic.rx(), earlier.rx(), "drops"), rate(nic.tx(), earlier.tx(), "drops"),
                    rate(nic.rx(), earlier.rx(), "interrupts") + rate(nic.tx(), earlier.tx(), "interrupts"));
        }
    }

    private TopSample.Nic earlier(TopSample.Nic nic) {
        for (TopSample.Nic one : before.nics()) {
            if (one.id().equals(nic.id())) {
                return one;
            }
        }
        return new TopSample.Nic(nic.id(), nic.link(), Map.of(), Map.of());
    }

    private void threads() {
        line("%-16s %9s %9s %9s %6s %6s", "I/O THREAD", "TURNS/s", "EVENTS/s", "SLEEPS/s", "POLL%", "SLEEP%");
        now.threads().forEach((name, counters) -> {
            Map<String, Long> earlier = before.threads().getOrDefault(name, Map.of());
            line("%-16s %9.0f %9.0f %9.0f %6.1f %6.1f", name, rate(counters, earlier, "turns"), rate(counters, earlier, "events"),
                    rate(counters, earlier, "sleeps"), rate(counters, earlier, "polled-ns") / NS_PER_S * 100,
                    rate(counters, earlier, "slept-ns") / NS_PER_S * 100);
        });
    }

    private double rate(Map<String, Long> later, Map<String, Long> earlier, String counter) {
        return rate(later.getOrDefault(counter, 0L), earlier.getOrDefault(counter, 0L));
    }
}
