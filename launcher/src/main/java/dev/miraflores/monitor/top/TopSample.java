// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.top;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import org.HdrHistogram.Histogram;

/**
 * An answer to {@code x-hv-query-stats}, with its numbers counted up from the machine's start.
 *
 * @param name    the machine's
 * @param status  whether it runs
 * @param timeNs  when
 * @param vcpus   exits by reason, of each
 * @param disks   of each
 * @param nics    of each
 * @param threads counters by name, of each I/O thread
 */
public record TopSample(String name, String status, long timeNs, List<Map<String, Long>> vcpus, List<Disk> disks, List<Nic> nics,
        Map<String, Map<String, Long>> threads) {

    /**
     * A disk.
     *
     * @param id       its name
     * @param engine   what does its I/O
     * @param inFlight how many requests were in flight
     * @param counters of all queues together
     * @param latency  by operation, in nanoseconds
     */
    public record Disk(String id, String engine, long inFlight, Map<String, Long> counters, Map<String, Histogram> latency) {

        long get(String counter) {
            return counters.getOrDefault(counter, 0L);
        }
    }

    /**
     * A network interface.
     *
     * @param id   its name
     * @param link whether it is up
     * @param rx   counters of what it received, by name, of all queue pairs together
     * @param tx   the same of what it sent
     */
    public record Nic(String id, boolean link, Map<String, Long> rx, Map<String, Long> tx) {
    }

    private static final long MIN_HIGHEST = 2;

    /** Reads an answer; what a later version may have left out counts as nothing. */
    public static TopSample of(Map<?, ?> answer) throws IOException {
        List<Map<String, Long>> vcpus = new ArrayList<>();
        for (Object cpu : list(answer.get("vcpus"))) {
            vcpus.add(numbers(map(map(cpu).get("exits"))));
        }
        List<Disk> disks = new ArrayList<>();
        for (Object disk : list(answer.get("disks"))) {
            disks.add(disk(map(disk)));
        }
        List<Nic> nics = new ArrayList<>();
        for (Object nic : list(answer.get("nics"))) {
            nics.add(nic(map(nic)));
        }
        Map<String, Map<String, Long>> threads = new LinkedHashMap<>();
        for (Object thread : list(answer.get("iothreads"))) {
            threads.put(text(map(thread), "id"), numbers(map(thread)));
        }
        return new TopSample(text(answer, "name"), text(answer, "status"), number(answer, "time-ns"), vcpus, disks, nics, threads);
    }

    private static Disk disk(Map<?, ?> disk) throws IOException {
        Map<String, Long> sums = new LinkedHashMap<>();
        for (Object queue : list(disk.get("queues"))) {
            numbers(map(queue)).forEach((name, value) -> sums.merge(name, value, Long::sum));
        }
        Map<String, Histogram> latency = new LinkedHashMap<>();
        for (Map.Entry<?, ?> operation : map(disk.get("latency")).entrySet()) {
            latency.put((String) operation.getKey(), histogram(String.valueOf(operation.getValue())));
        }
        return new Disk(text(disk, "id"), text(disk, "engine"), number(disk, "in-flight"), sums, latency);
    }

    private static Nic nic(Map<?, ?> nic) {
        Map<String, Long> rx = new LinkedHashMap<>();
        Map<String, Long> tx = new LinkedHashMap<>();
        for (Object pair : list(nic.get("pairs"))) {
            numbers(map(map(pair).get("rx"))).forEach((name, value) -> rx.merge(name, value, Long::sum));
            numbers(map(map(pair).get("tx"))).forEach((name, value) -> tx.merge(name, value, Long::sum));
        }
        return new Nic(text(nic, "id"), Boolean.TRUE.equals(nic.get("link")), rx, tx);
    }

    private static Histogram histogram(String encoded) throws IOException {
        try {
            return Histogram.decodeFromCompressedByteBuffer(ByteBuffer.wrap(Base64.getDecoder().decode(encoded)), MIN_HIGHEST);
        } catch (DataFormatException | RuntimeException e) {
            throw new IOException("the machine's monitor answers with no histogram: " + e.getMessage(), e);
        }
    }

    private static Map<String, Long> numbers(Map<?, ?> members) {
        Map<String, Long> numbers = new LinkedHashMap<>();
        members.forEach((name, value) -> {
            if (value instanceof Long number) {
                numbers.put((String) name, number);
            }
        });
        return numbers;
    }

    private static List<?> list(Object value) {
        return value instanceof List<?> list ? list : List.of();
    }

    private static Map<?, ?> map(Object value) {
        return value instanceof Map<?, ?> map ? map : Map.of();
    }

    private static String text(Map<?, ?> members, String name) {
        return members.get(name) instanceof String text ? text : "?";
    }

    private static long number(Map<?, ?> members, String name) {
        return members.get(name) instanceof Long number ? number : 0;
    }
}
