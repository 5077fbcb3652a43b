// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

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
 * The whole block device over a disk that does nothing, with its driver on the same thread: time per request, the
 * driver's share included. One invocation is many requests, so what JMH and waking the thread cost weighs nothing.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class BlockDeviceBenchmark {

    private static final int REQUESTS = 100_000;
    private static final int REQUEST_BYTES = 4096;

    @Param({"1", "32", "128"})
    public int depth;

    private BlockWork work;

    @Setup(Level.Trial)
    public void setUp() {
        work = new BlockWork(BlockDeviceConfig.nothing("bench"), REQUEST_BYTES, false);
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        work.close();
    }

    @Benchmark
    @OperationsPerInvocation(REQUESTS)
    public long request() {
        return work.run(REQUESTS, depth).wallNs();
    }
}
