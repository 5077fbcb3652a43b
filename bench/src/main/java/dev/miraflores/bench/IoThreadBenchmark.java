// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoThreadOptions;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * An I/O thread's loop: from a doorbell to the work being done, and with a timer in between that is due at once. Without
 * polling each is a sleep and a wake-up; with it, a look at memory.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class IoThreadBenchmark {

    /** What the thread waits in. */
    @Param({"io_uring", "epoll"})
    public String port;

    @Param({"0", "1000000"})
    public long pollMaxNs;

    private IoThread thread;
    private DoorbellWork work;

    @Setup
    public void setUp() {
        IoThreadOptions options = new IoThreadOptions(pollMaxNs, 0, 0);
        thread = IoThread.start("bench-io", port.equals("epoll") ? options.withEpoll() : options);
        work = new DoorbellWork(thread);
    }

    @TearDown
    public void tearDown() {
        work.close();
        thread.close();
    }

    @Benchmark
    public void doorbell() {
        work.ring(false);
    }

    @Benchmark
    public void doorbellAndTimer() {
        work.ring(true);
    }
}
