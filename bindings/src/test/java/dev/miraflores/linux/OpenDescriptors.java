// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;

/** Counts the process's descriptors, to see that none stays behind. */
final class OpenDescriptors {
    private OpenDescriptors() {}

    /** Runs it once for what it opens for good, then checks that further runs leave no descriptor. */
    static void assertNoneLeft(int runs, Runnable action) {
        action.run();
        int before = count();
        for (int i = 0; i < runs; i++) {
            action.run();
        }
        // The JVM itself may open or close one meanwhile; a leak would show as one a run.
        assertEquals(before, count(), runs / 2.0, "descriptors before and after " + runs + " runs");
    }

    private static int count() {
        return new File("/proc/self/fd").list().length;
    }
}
