// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Processor time of another process, thread by thread, now.
 * <p>Source: proc(5), {@code /proc/PID/task/TID/stat} and {@code schedstat}.
 */
final class ThreadTimes {

    /** Ours, and QEMU's with debug-threads=on. */
    private static final Pattern VCPU = Pattern.compile("vm\\d+-vcpu\\d+|CPU \\d+/KVM");
    private static final long TICK_NS = 10_000_000;
    /** Of stat, from 0 after the name: guest_time, in ticks. */
    private static final int GUEST_TIME_FIELD = 40;

    private record Times(long ns, boolean vcpu) { }

    private final Map<String, Times> threads = new HashMap<>();

    private ThreadTimes() { }

    /** All that there is of it, the time inside the guest left out as far as the kernel tells it apart. */
    static ThreadTimes of(long pid) throws IOException {
        ThreadTimes times = new ThreadTimes();
        File[] tasks = new File("/proc/" + pid + "/task").listFiles();
        if (tasks == null) {
            throw new IOException("/proc/" + pid + "/task: no such process");
        }
        for (File task : tasks) {
            try {
                times.threads.put(task.getName(), read(task.toPath()));
            } catch (IOException e) {
                continue;       // it has ended since
            }
        }
        return times;
    }

    private static Times read(Path task) throws IOException {
        String stat = Files.readString(task.resolve("stat"));
        String name = stat.substring(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        long ns = Long.parseLong(Files.readString(task.resolve("schedstat")).split(" ")[0]);
        return new Times(ns - Long.parseLong(fields[GUEST_TIME_FIELD]) * TICK_NS, VCPU.matcher(name).matches());
    }

    /** Nanoseconds that the vCPUs' threads have used since {@code before}, or all the others. */
    long since(ThreadTimes before, boolean vcpus) {
        long ns = 0;
        for (Map.Entry<String, Times> thread : threads.entrySet()) {
            Times now = thread.getValue();
            if (now.vcpu == vcpus) {
                Times then = before.threads.get(thread.getKey());
                ns += now.ns - (then == null ? 0 : then.ns);
            }
        }
        return Math.max(0, ns);
    }
}
