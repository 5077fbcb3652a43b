// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.fuzz;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/**
 * What one input may cost: processor time and heap of the thread that runs it. Far above what any takes, far below
 * what an endless loop or a size chosen by the guest would. The first input of a JVM loads classes and is not judged.
 */
public final class Bounds implements AutoCloseable {

    private static final long CPU_NS = 4_000_000_000L;
    private static final long HEAP_BYTES = 64L << 20;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private static volatile boolean warm;

    private final boolean judged = warm;
    private final long cpuNs = THREADS.getCurrentThreadCpuTime();
    private final long heapBytes = THREADS.getCurrentThreadAllocatedBytes();

    /** From here to {@link #close}, on this thread. */
    public Bounds() {
        warm = true;
    }

    @Override
    public void close() {
        long usedNs = THREADS.getCurrentThreadCpuTime() - cpuNs;
        long usedBytes = THREADS.getCurrentThreadAllocatedBytes() - heapBytes;
        if (judged && (usedNs > CPU_NS || usedBytes > HEAP_BYTES)) {
            throw new AssertionError("an input took " + usedNs / 1_000_000 + " ms and " + usedBytes + " bytes of heap");
        }
    }
}
