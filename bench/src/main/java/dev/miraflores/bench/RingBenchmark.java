// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

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
 * The device's side of the ring, per chain: pop, walk, read a 16-byte header, add used; publish per batch. One
 * invocation serves 256 chains, so what JMH does around it weighs nothing.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class RingBenchmark {

    /** Elements per chain, with {@code i} in an indirect table. */
    @Param({"1", "3", "3i", "16i"})
    public String shape;

    @Param({"1", "32", "256"})
    public int batch;

    @Param({"split", "packed"})
    public String kind;

    private RingWork work;

    @Setup(Level.Trial)
    public void setUp() {
        work = RingWork.create(RingShape.parse(shape), kind.equals("packed"));
    }

    @Setup(Level.Invocation)
    public void refill() {
        work.refill();
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        work.close();
    }

    @Benchmark
    @OperationsPerInvocation(RingWork.CHAINS)
    public long serve() {
        return work.serve(batch);
    }
}
