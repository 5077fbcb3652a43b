// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.fuzz.Chance;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** The model for as long as one likes: {@code fuzz/ring} runs it. */
final class RingOperations {

    private static final int STEPS = 1000;

    private RingOperations() {
    }

    /** SECONDS [SEED [THREADS]]. */
    public static void main(String[] args) throws Exception {
        long seconds = Long.parseLong(args[0]);
        long seed = args.length > 1 ? Long.parseLong(args[1]) : System.nanoTime();
        int threads = args.length > 2 ? Integer.parseInt(args[2]) : Runtime.getRuntime().availableProcessors();
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        Tally all = new Tally();
        try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
            List<Callable<Tally>> lanes = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                long first = seed + ((long) i << 40);
                lanes.add(() -> runUntil(end, first));
            }
            for (Future<Tally> lane : executor.invokeAll(lanes)) {
                all.add(lane.get());
            }
        }
        System.out.printf("ring: %,d operations on %,d queues, seed %d, %d threads, %d s%n", all.operations(),
            all.queues(), seed, threads, seconds);
        all.faults().forEach((fault, count) -> System.out.printf("  %-24s %,d%n", fault, count));
    }

    private static Tally runUntil(long end, long firstSeed) {
        Tally tally = new Tally();
        try (ModelMemory memory = new ModelMemory(RingShape.SMALL_BYTES)) {
            for (long seed = firstSeed; System.nanoTime() - end < 0; seed++) {
                runOne(memory, seed, tally);
            }
        }
        return tally;
    }

    /** Kinds of queue and of driver in turn, so that the seed says all. */
    private static void runOne(ModelMemory memory, long seed, Tally tally) {
        boolean packed = (seed & 1) != 0;
        try {
            if ((seed & 2) != 0) {
                RingModel.honest(memory, new Chance(seed), packed, STEPS, tally);
            } else {
                RingModel.hostile(memory, new Chance(seed), packed, STEPS, tally);
            }
        } catch (Throwable e) {
            throw new AssertionError("fuzz/ring 1 " + seed + " 1 shows it again", e);
        }
    }
}
