// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

/** What a thread has taken from the heap. */
final class Allocated {

    private Allocated() {
    }

    /** By the calling thread. By name: this module has no need of the management module, which a test JVM has. */
    static long bytes() {
        try {
            Object threads = Class.forName("java.lang.management.ManagementFactory").getMethod("getThreadMXBean").invoke(null);
            return (long) Class.forName("com.sun.management.ThreadMXBean").getMethod("getCurrentThreadAllocatedBytes")
                .invoke(threads);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
