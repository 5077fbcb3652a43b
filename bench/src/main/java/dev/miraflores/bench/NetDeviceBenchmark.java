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
 * The whole network device over a back end that does nothing, with its driver on the same thread: time per packet, the driver's share
 * included and the kernel's not. One invocation is many packets, so what JMH and waking the thread cost weighs nothing. With {@code
 * -prof gc}: nothing is allocated.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class NetDeviceBenchmark {

    private static final int PACKETS = 100_000;
    private static final int PACKET_BYTES = 1514;

    @Param({"transmit", "receive"})
    public String direction;

    @Param({"1", "64", "256"})
    public int depth;

    private NetWork work;

    @Setup(Level.Trial)
    public void setUp() {
        work = new NetWork(direction.equals("receive"), PACKET_BYTES);
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        work.close();
    }

    @Benchmark
    @OperationsPerInvocation(PACKETS)
    public long packet() {
        return work.run(PACKETS, depth);
    }
}
