// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.bench.BlockWork.Time;
import java.util.List;

/**
 * How fast requests went.
 *
 * @param iops  requests per second
 * @param cpuNs processor time for each, all threads of the process together
 */
record BlockRate(double iops, double cpuNs) {

    private static final int CHUNK = 2000;

    /** Of {@code work}, for about {@code forNs}. */
    static BlockRate of(BlockWork work, int depth, long forNs) {
        long requests = 0;
        long wallNs = 0;
        long cpuNs = 0;
        while (wallNs < forNs) {
            Time time = work.run(CHUNK, depth);
            requests += CHUNK;
            wallNs += time.wallNs();
            cpuNs += time.cpuNs();
        }
        return new BlockRate(requests * 1e9 / wallNs, (double) cpuNs / requests);
    }

    /** Of each figure by itself. */
    static BlockRate median(List<BlockRate> rates) {
        double[] iops = rates.stream().mapToDouble(BlockRate::iops).sorted().toArray();
        double[] cpu = rates.stream().mapToDouble(BlockRate::cpuNs).sorted().toArray();
        return new BlockRate(iops[iops.length / 2], cpu[cpu.length / 2]);
    }

    /** Two lines: requests per second, and processor time, ours beside that of {@code peer}. */
    void print(String name, BlockRate peer) {
        System.out.printf("%s ours=%.0fiops peer=%.0fiops ratio=%.2f%n", name, iops, peer.iops, iops / peer.iops);
        System.out.printf("%s.cpu ours=%.0fns peer=%.0fns ratio=%.2f%n", name, cpuNs, peer.cpuNs, cpuNs / peer.cpuNs);
    }
}
