// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleGroup;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import dev.miraflores.aio.throttle.ThrottleStage;
import dev.miraflores.devices.block.BlockDeviceConfig;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a throttle costs a request that it does not hold back: the whole device over a disk that does nothing, with none, with
 * one that has no limit, with one limit, and with as many as there can be; limits that are never reached.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class ThrottleBenchmark {

    private static final int REQUESTS = 100_000;
    private static final int REQUEST_BYTES = 4096;
    private static final int DEPTH = 32;
    private static final long NEVER_REACHED = ThrottleLimit.MOST / 10;

    /** How a disk is throttled. */
    public enum Throttle {
        /** Not at all: no stage. */              NONE,
        /** By a stage whose limits are off. */   UNLIMITED,
        /** Operations. */                        ONE_LIMIT,
        /** Operations and bytes, with bursts. */ ALL_LIMITS
    }

    @Param
    public Throttle throttle;

    private BlockWork work;

    @Setup(Level.Trial)
    public void setUp() {
        BlockDeviceConfig.Builder disk = BlockDeviceConfig.nothing("bench");
        if (throttle != Throttle.NONE) {
            disk.stage(new ThrottleStage(new ThrottleGroup("bench", limits())));
        }
        work = new BlockWork(disk, REQUEST_BYTES, false);
    }

    private ThrottleConfig limits() {
        return switch (throttle) {
            case NONE, UNLIMITED -> ThrottleConfig.UNLIMITED;
            case ONE_LIMIT ->
                ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(NEVER_REACHED));
            case ALL_LIMITS -> ThrottleConfig.UNLIMITED
                .with(ThrottleKind.IOPS_TOTAL, new ThrottleLimit(NEVER_REACHED, NEVER_REACHED, 10))
                .with(ThrottleKind.BPS_TOTAL, new ThrottleLimit(NEVER_REACHED, NEVER_REACHED, 10));
        };
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        work.close();
    }

    @Benchmark
    @OperationsPerInvocation(REQUESTS)
    public long request() {
        return work.run(REQUESTS, DEPTH).wallNs();
    }
}
