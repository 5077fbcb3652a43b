// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * {@code bench/run ring}: nanoseconds per chain, ours beside those of a peer program, in alternating rounds.
 * <p>Arguments: {@code NAME=COMMAND}, a peer each, run as {@code COMMAND ELEMENTS INDIRECT BATCH}: it prints the
 * nanoseconds per chain that it needs for the same work on a split queue.
 */
public final class RingReport {

    private static final String[] SHAPES = {"1", "3", "3i", "16i"};
    private static final int[] BATCHES = {1, 32, 256};
    private static final int ROUNDS = 7;
    private static final long WARM_UP_NS = 300_000_000;
    private static final long ROUND_NS = 20_000_000;
    private static final int SERVES_PER_SAMPLE = 4;

    private RingReport() {
    }

    private record Case(boolean packed, RingShape shape, int batch, RingWork work, double[] ours, double[][] peers) {

        @Override
        public String toString() {
            return "ring." + (packed ? "packed" : "split") + "." + shape + ".batch" + batch;
        }
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        List<Case> cases = new ArrayList<>();
        for (boolean packed : new boolean[] {false, true}) {
            for (String text : SHAPES) {
                for (int batch : BATCHES) {
                    RingShape shape = RingShape.parse(text);
                    cases.add(new Case(packed, shape, batch, RingWork.create(shape, packed), new double[ROUNDS],
                        new double[packed ? 0 : args.length][ROUNDS]));
                }
            }
        }
        for (Case c : cases) {
            measure(c, WARM_UP_NS);
        }
        double bytes = allocatedBytesPerChain(cases);
        for (int round = 0; round < ROUNDS; round++) {
            for (Case c : cases) {
                c.ours[round] = measure(c, ROUND_NS);
                for (int p = 0; p < c.peers.length; p++) {
                    c.peers[p][round] = runPeer(args[p].substring(args[p].indexOf('=') + 1), c);
                }
            }
        }
        for (Case c : cases) {
            double ours = median(c.ours);
            for (int p = 0; p < c.peers.length; p++) {
                double peer = median(c.peers[p]);
                System.out.printf("%s/%s ours=%.1fns peer=%.1fns ratio=%.2f%n", c,
                    args[p].substring(0, args[p].indexOf('=')), ours, peer, ours / peer);
            }
            if (c.peers.length == 0) {
                System.out.printf("%s ours=%.1fns peer=none ratio=none%n", c, ours);
            }
            c.work.close();
        }
        System.out.printf("ring.allocation ours=%.3fB peer=none ratio=none%n", bytes);
    }

    /** The least of many short samples: what the code needs when nothing else wants the processor. */
    private static double measure(Case c, long forNs) {
        long end = System.nanoTime() + forNs;
        long least = Long.MAX_VALUE;
        long sum = 0;
        while (System.nanoTime() < end) {
            long spent = 0;
            for (int i = 0; i < SERVES_PER_SAMPLE; i++) {
                c.work.refill();
                long start = System.nanoTime();
                sum += c.work.serve(c.batch);
                spent += System.nanoTime() - start;
            }
            least = Math.min(least, spent);
        }
        if (sum == 0) {
            throw new IllegalStateException("nothing was served");
        }
        return (double) least / SERVES_PER_SAMPLE / RingWork.CHAINS;
    }

    private static double allocatedBytesPerChain(List<Case> cases) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int repeats = 200;
        long before = threads.getCurrentThreadAllocatedBytes();
        for (Case c : cases) {
            for (int i = 0; i < repeats; i++) {
                c.work.refill();
                c.work.serve(c.batch);
            }
        }
        return (double) (threads.getCurrentThreadAllocatedBytes() - before) / repeats / RingWork.CHAINS / cases.size();
    }

    private static double runPeer(String command, Case c) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command, Integer.toString(c.shape.elements()),
            c.shape.indirect() ? "1" : "0", Integer.toString(c.batch)).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (process.waitFor() != 0) {
            throw new IOException(command + " failed");
        }
        return Double.parseDouble(text);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
