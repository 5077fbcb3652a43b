// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Stream;
import jdk.jfr.consumer.RecordingStream;

/**
 * What a machine makes the host spend, from here to {@link #close}: descriptors and threads at their peak, lines of the log, heap
 * that stays, the longest exit of a vCPU. {@link #check} is an assertion error where that is more than docs/SECURITY.md says.
 */
final class HostLimits implements AutoCloseable {

    /** A small machine's own: disks, queues, rings, vectors, vCPUs. */
    private static final int DESCRIPTORS = 64;
    /** A small machine's own, and what the JVM, its compilers and JFR come up with. */
    private static final int THREADS = 40;
    /** Those of one disk in a minute, of the transport in its life, and of another disk. */
    private static final int LOG_LINES = 12;
    /** What stays of a machine that runs; its guest's memory is not heap. */
    private static final long HEAP_BYTES = 16L << 20;
    /** A busy host lets a thread wait that long; a guest that could choose how long would choose more. */
    private static final Duration EXIT = Duration.ofSeconds(5);

    private final Logger root = Logger.getLogger("dev.miraflores");
    private final AtomicInteger lines = new AtomicInteger();
    private final AtomicLong longestNs = new AtomicLong();
    private final Handler counter = new Counter();
    private final RecordingStream exits = new RecordingStream();
    private final int descriptorsBefore = descriptors();
    private final int threadsBefore = threads();
    private final long heapBefore = heapBytes();
    private final Thread sampler = new Thread(this::sample, "limits");
    private volatile boolean ended;
    private volatile int mostDescriptors;
    private volatile int mostThreads;

    HostLimits() {
        root.addHandler(counter);
        exits.enable("dev.miraflores.VcpuExit").withThreshold(Duration.ofMillis(100));
        exits.onEvent("dev.miraflores.VcpuExit", event -> longestNs.accumulateAndGet(event.getDuration().toNanos(), Math::max));
        exits.startAsync();
        sampler.start();
    }

    private void sample() {
        while (!ended) {
            mostDescriptors = Math.max(mostDescriptors, descriptors());
            mostThreads = Math.max(mostThreads, threads());
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    /** While the machine is still there. */
    void check() throws InterruptedException {
        long heap = heapBytes() - heapBefore;
        ended = true;
        sampler.join();
        exits.stop();
        List<String> spent = List.of(mostDescriptors - descriptorsBefore + " descriptors", mostThreads - threadsBefore + " threads",
            lines + " log lines", heap + " bytes of heap", longestNs.get() / 1_000_000 + " ms in an exit");
        assertTrue(mostDescriptors - descriptorsBefore <= DESCRIPTORS, spent::toString);
        assertTrue(mostThreads - threadsBefore <= THREADS, spent::toString);
        assertTrue(lines.get() <= LOG_LINES, spent::toString);
        assertTrue(heap <= HEAP_BYTES, spent::toString);
        assertTrue(longestNs.get() <= EXIT.toNanos(), spent::toString);
    }

    private static int descriptors() {
        return entries("/proc/self/fd");
    }

    private static int entries(String directory) {
        try (Stream<Path> all = Files.list(Path.of(directory))) {
            return (int) all.count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int threads() {
        return entries("/proc/self/task");
    }

    private static long heapBytes() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    @Override
    public void close() {
        ended = true;
        exits.close();
        root.removeHandler(counter);
    }

    private final class Counter extends Handler {

        @Override
        public void publish(LogRecord line) {
            lines.incrementAndGet();
        }

        @Override
        public void flush() {
            // Nothing is kept.
        }

        @Override
        public void close() {
            // There is nothing to close.
        }
    }
}
