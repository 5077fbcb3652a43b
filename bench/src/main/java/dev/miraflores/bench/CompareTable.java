// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import java.util.ArrayList;
import java.util.List;

/** The figures of {@code bench/run compare}, a line each as they come, and all of them as a table in the end. */
final class CompareTable {

    private static final String ROW = "%-8s %5s  %9s %9s %6s  %6s  %9s %9s %6s  %7s %7s  %s";

    private final List<String> rows = new ArrayList<>();

    /**
     * A case at one depth.
     *
     * @param peer  QEMU's, or null with {@code why} there is none
     * @param usual ours of the usual case, from the same rounds; null when this is it
     */
    void add(CompareCase of, int depth, GuestRate ours, GuestRate peer, String why, GuestRate usual) {
        String name = "compare." + of.name() + ".depth" + depth;
        if (peer == null) {
            System.out.printf("%s ours=%.0fiops peer=none ratio=none%n", name, ours.iops());
            System.out.printf("%s.device-cpu ours=%.0fns peer=none ratio=none%n", name, ours.deviceNs());
            System.out.printf("%s.cpu ours=%.0fns peer=none ratio=none%n", name, ours.cpuNs());
        } else {
            line(name, "iops", ours.iops(), peer.iops());
            line(name + ".device-cpu", "ns", ours.deviceNs(), peer.deviceNs());
            line(name + ".cpu", "ns", ours.cpuNs(), peer.cpuNs());
        }
        if (usual != null) {
            line("compare.on-vs-" + of.name() + ".depth" + depth, "iops", usual.iops(), ours.iops());
            line("compare.on-vs-" + of.name() + ".depth" + depth + ".cpu", "ns", usual.cpuNs(), ours.cpuNs());
        }
        rows.add(ROW.formatted(of.name(), depth, whole(ours.iops()), peer == null ? "-" : whole(peer.iops()),
            peer == null ? "-" : ratio(ours.iops(), peer.iops()), usual == null ? "1.00" : ratio(ours.iops(), usual.iops()),
            micros(ours.cpuNs()), micros(ours.deviceNs()), peer == null ? "-" : ratio(ours.cpuNs(), peer.cpuNs()),
            "%.3f".formatted(ours.interrupts()), "%.3f".formatted(ours.notifications()),
            of.what() + (peer == null ? "; no peer: " + why : "")));
    }

    /** A case that we could not run. */
    void addFailed(CompareCase of, String why) {
        System.out.printf("compare.%s ours=none peer=none ratio=none%n", of.name());
        rows.add("%-8s        not run: %s".formatted(of.name(), why));
    }

    void print() {
        System.out.println();
        System.out.println(ROW.formatted("", "", "reads/s", "reads/s", "ours/", "ours/", "CPU us", "of it", "ours/",
            "inter-", "notifi-", ""));
        System.out.println(ROW.formatted("case", "depth", "ours", "QEMU", "QEMU", "on", "ours", "device", "QEMU",
            "rupts", "cations", ""));
        rows.forEach(System.out::println);
        System.out.println("CPU, interrupts and notifications are for each read; device: all threads but the vCPU's.");
    }

    private static void line(String name, String unit, double ours, double peer) {
        System.out.printf("%s ours=%.0f%s peer=%.0f%s ratio=%s%n", name, ours, unit, peer, unit, ratio(ours, peer));
    }

    private static String whole(double value) {
        return "%.0f".formatted(value);
    }

    private static String micros(double ns) {
        return "%.1f".formatted(ns / 1000);
    }

    private static String ratio(double ours, double peer) {
        return peer == 0 ? "none" : "%.2f".formatted(ours / peer);
    }
}
