// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.bench.BlockWork.Time;
import dev.miraflores.devices.block.BlockDeviceConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code bench/run block}: random reads of 4 KiB through the whole device beside fio with io_uring on the same file, in
 * alternating rounds; then the device over a disk that does nothing, alone.
 * <p>Arguments: {@code NAME=FILE[,direct]}, a file to read each.
 */
public final class BlockReport {

    private static final int REQUEST_BYTES = 4096;
    private static final int[] DEPTHS = {1, 32, 128};
    private static final int ROUNDS = 3;
    private static final long ROUND_NS = 2_000_000_000L;
    private static final long WARM_UP_NS = 3_000_000_000L;
    private static final int CHUNK = 2000;
    /** In fio's terse output, version 3, from 0. */
    private static final int IOPS_FIELD = 7;
    private static final int TICKS_PER_SECOND = 100;

    private BlockReport() {
    }

    /** Requests per second, and processor time for each. */
    private record Rate(double iops, double cpuNs) {
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        for (String arg : args) {
            String name = arg.substring(0, arg.indexOf('='));
            boolean direct = arg.endsWith(",direct");
            String file = arg.substring(arg.indexOf('=') + 1, arg.length() - (direct ? ",direct".length() : 0));
            BlockDeviceConfig.Builder config = BlockDeviceConfig.raw(name, file)
                .cache(direct ? CacheMode.NONE : CacheMode.WRITEBACK);
            try (BlockWork work = new BlockWork(config, REQUEST_BYTES, false)) {
                ours(work, DEPTHS[1], WARM_UP_NS);
                for (int depth : DEPTHS) {
                    compare(work, "block." + name + ".randread4k.depth" + depth, file, direct, depth);
                }
            }
        }
        try (BlockWork work = new BlockWork(BlockDeviceConfig.nothing("null"), REQUEST_BYTES, false)) {
            ours(work, DEPTHS[1], WARM_UP_NS);
            for (int depth : DEPTHS) {
                Rate rate = ours(work, depth, ROUND_NS);
                System.out.printf("block.null.randread4k.depth%d ours=%.0fiops peer=none ratio=none cpu=%.0fns%n",
                    depth, rate.iops, rate.cpuNs);
            }
        }
    }

    private static void compare(BlockWork work, String name, String file, boolean direct, int depth)
            throws IOException, InterruptedException {
        List<Rate> ours = new ArrayList<>();
        List<Rate> peers = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            ours.add(ours(work, depth, ROUND_NS));
            peers.add(fio(file, direct, depth));
        }
        Rate our = median(ours);
        Rate peer = median(peers);
        System.out.printf("%s ours=%.0fiops peer=%.0fiops ratio=%.2f%n", name, our.iops, peer.iops, our.iops / peer.iops);
        System.out.printf("%s.cpu ours=%.0fns peer=%.0fns ratio=%.2f%n",
            name, our.cpuNs, peer.cpuNs, our.cpuNs / peer.cpuNs);
    }

    private static Rate ours(BlockWork work, int depth, long forNs) {
        long requests = 0;
        long wallNs = 0;
        long cpuNs = 0;
        while (wallNs < forNs) {
            Time time = work.run(CHUNK, depth);
            requests += CHUNK;
            wallNs += time.wallNs();
            cpuNs += time.cpuNs();
        }
        return new Rate(requests * 1e9 / wallNs, (double) cpuNs / requests);
    }

    private static Rate fio(String file, boolean direct, int depth) throws IOException, InterruptedException {
        // Below a shell that says what all of fio's threads and processes took: fields 16 and 17 of its stat, in 1/100 s.
        String fio = "fio --name=peer --filename=" + file + " --rw=randread --bs=4k --ioengine=io_uring --iodepth=" + depth
            + " --direct=" + (direct ? 1 : 0) + " --time_based --runtime=" + ROUND_NS / 1_000_000 + "ms --norandommap"
            + " --randrepeat=0 --invalidate=0 --output-format=terse; cut -d' ' -f16,17 /proc/$$/stat";
        Process process = new ProcessBuilder("sh", "-c", fio).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String[] lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip().split("\n");
        String[] fields = lines[0].split(";");
        if (process.waitFor() != 0 || lines.length != 2 || fields.length <= IOPS_FIELD) {
            throw new IOException("fio failed");
        }
        double iops = Double.parseDouble(fields[IOPS_FIELD]);
        String[] ticks = lines[1].split(" ");
        double cpuNs = (Long.parseLong(ticks[0]) + Long.parseLong(ticks[1])) * 1e9 / TICKS_PER_SECOND;
        return new Rate(iops, cpuNs / (iops * ROUND_NS / 1e9));
    }

    private static Rate median(List<Rate> rates) {
        double[] iops = rates.stream().mapToDouble(Rate::iops).sorted().toArray();
        double[] cpu = rates.stream().mapToDouble(Rate::cpuNs).sorted().toArray();
        return new Rate(iops[iops.length / 2], cpu[cpu.length / 2]);
    }
}
