// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.Executor;

/** What a thread takes from the heap. */
public final class Allocations {

    /** Compiled code allocates nothing; how soon it is compiled depends on the host's other load. */
    private static final Duration COMPILED_WITHIN = Duration.ofSeconds(60);
    /** Less than an object for each is none for each: somebody's table grew, once. */
    private static final int SMALLEST_OBJECT_BYTES = 8;

    private Allocations() {
    }

    /**
     * Lets {@code work} be done in rounds of {@code times} until a round leaves nothing behind on the heap of the thread that
     * {@code on} runs things on, and waits for. What is really allocated each time, is so in every round.
     */
    public static void assertNone(Executor on, int times, Runnable work) {
        long[] allocated = new long[1];
        Runnable read = () -> allocated[0] = ofThisThread();
        long each = Long.MAX_VALUE;
        for (long start = System.nanoTime(); each >= SMALLEST_OBJECT_BYTES
                && System.nanoTime() - start < COMPILED_WITHIN.toNanos(); ) {
            on.execute(read);
            long before = allocated[0];
            for (int i = 0; i < times; i++) {
                work.run();
            }
            on.execute(read);
            each = (allocated[0] - before) / times;
        }
        assertTrue(each < SMALLEST_OBJECT_BYTES, "bytes each time: " + each);
    }

    /** By name: this module has no need of the management module, which a test JVM has. */
    private static long ofThisThread() {
        try {
            Object threads = Class.forName("java.lang.management.ManagementFactory").getMethod("getThreadMXBean").invoke(null);
            return (long) Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes")
                .invoke(threads);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
