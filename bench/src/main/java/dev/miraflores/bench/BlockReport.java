// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.devices.block.BlockDeviceConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code bench/run block}: random reads and writes of 4 KiB through the whole device beside fio with the same engine on the
 * same file, in alternating rounds; then the device over a disk that does nothing, alone.
 * <p>Arguments: {@code --engine NAME} for one only, {@code --depth N} likewise; {@code NAME=FILE[,direct][,scratch]}, a file
 * each, which is written where it is said to be scratch.
 */
public final class BlockReport {

    private static final int REQUEST_BYTES = 4096;
    private static final int ROUNDS = 3;
    private static final long ROUND_NS = 1_500_000_000L;
    private static final long WARM_UP_NS = 3_000_000_000L;
    private static final int WARM_UP_DEPTH = 32;

    private List<EngineKind> engines = List.of(EngineKind.values());
    private List<Integer> depths = List.of(1, 32, 128);
    private final List<Target> targets = new ArrayList<>();

    /** A file to measure on. */
    private record Target(String name, String file, boolean direct, boolean scratch) {

        static Target parse(String arg) {
            String[] words = arg.substring(arg.indexOf('=') + 1).split(",");
            List<String> rest = List.of(words).subList(1, words.length);
            return new Target(
                arg.substring(0, arg.indexOf('=')), words[0], rest.contains("direct"), rest.contains("scratch"));
        }
    }

    private BlockReport(String[] args) {
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--engine" -> engines = List.of(EngineKind.of(args[++i]));
                case "--depth" -> depths = List.of(Integer.parseInt(args[++i]));
                default -> targets.add(Target.parse(args[i]));
            }
        }
    }

    public static void main(String[] args) throws IOException, InterruptedException {
        BlockReport report = new BlockReport(args);
        for (Target target : report.targets) {
            for (EngineKind engine : report.engines) {
                if (engine == EngineKind.NATIVE && !target.direct) {
                    System.err.println("bench: " + target.name + " without native, which needs O_DIRECT");
                } else {
                    report.compare(target, engine, false);
                    if (target.scratch) {
                        report.compare(target, engine, true);
                    }
                }
            }
        }
        report.alone();
    }

    private void compare(Target target, EngineKind engine, boolean write) throws IOException, InterruptedException {
        BlockDeviceConfig.Builder config = BlockDeviceConfig.raw(target.name, target.file)
            .cache(target.direct ? CacheMode.NONE : CacheMode.WRITEBACK)
            .engine(engine);
        FioPeer fio = new FioPeer(target.file, target.direct, engine, REQUEST_BYTES, write);
        String name = "block." + target.name + "." + engine.word() + (write ? ".randwrite4k" : ".randread4k");
        try (BlockWork work = new BlockWork(config, REQUEST_BYTES, write)) {
            BlockRate.of(work, WARM_UP_DEPTH, WARM_UP_NS);
            for (int depth : depths) {
                List<BlockRate> ours = new ArrayList<>();
                List<BlockRate> peers = new ArrayList<>();
                for (int round = 0; round < ROUNDS; round++) {
                    ours.add(BlockRate.of(work, depth, ROUND_NS));
                    peers.add(fio.run(depth, ROUND_NS));
                }
                BlockRate.median(ours).print(name + ".depth" + depth, BlockRate.median(peers));
            }
        }
    }

    private void alone() {
        try (BlockWork work = new BlockWork(BlockDeviceConfig.nothing("null"), REQUEST_BYTES, false)) {
            BlockRate.of(work, WARM_UP_DEPTH, WARM_UP_NS);
            for (int depth : depths) {
                BlockRate rate = BlockRate.of(work, depth, ROUND_NS);
                System.out.printf("block.null.randread4k.depth%d ours=%.0fiops peer=none ratio=none cpu=%.0fns%n",
                    depth, rate.iops(), rate.cpuNs());
            }
        }
    }
}
