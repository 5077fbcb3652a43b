// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
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
 * Each engine alone, on the same file: time per random read of 4 KiB past the page cache. The file is one in memory, unless
 * {@code -p file=…} names another. One invocation is many reads, so what JMH and waking the thread cost weighs nothing.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class EngineBenchmark {

    private static final int READS = 20_000;
    private static final int READ_BYTES = 4096;
    private static final int FILE_BYTES = 64 << 20;
    private static final Path IN_MEMORY = Path.of("/dev/shm");

    @Param({"IO_URING", "NATIVE", "THREADS"})
    public EngineKind engine;

    @Param({"1", "32", "128"})
    public int depth;

    @Param("")
    public String file;

    private Path made;
    private EngineWork work;

    @Setup(Level.Trial)
    public void setUp() throws IOException {
        if (file.isEmpty()) {
            made = Files.isDirectory(IN_MEMORY)
                ? Files.createTempFile(IN_MEMORY, "bench-engine", ".img") : Files.createTempFile("bench-engine", ".img");
            byte[] content = new byte[FILE_BYTES];
            new Random(1).nextBytes(content);
            Files.write(made, content);
        }
        work = new EngineWork(made == null ? file : made.toString(), CacheMode.NONE, engine, READ_BYTES);
    }

    @TearDown(Level.Trial)
    public void tearDown() throws IOException {
        work.close();
        if (made != null) {
            Files.delete(made);
        }
    }

    @Benchmark
    @OperationsPerInvocation(READS)
    public long read() {
        return work.run(READS, depth);
    }
}
