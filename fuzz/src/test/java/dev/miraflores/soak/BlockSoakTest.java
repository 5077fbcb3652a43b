// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** A short soak of every engine, cache mode, kind and number of queues; fuzz/soak is the long one. */
class BlockSoakTest {

    private static final long REQUESTS = 1500;

    @Test
    void shouldHoldWhatWasWrittenInEveryMode() throws Exception {
        // Not in /tmp, which may be in memory, where there is no O_DIRECT.
        Path directory = Files.createDirectories(Path.of("target/soak"));
        long seed = System.nanoTime();
        for (int index = 0; index < SoakPlan.COUNT; index++) {
            BlockSoak.run(seed + index, index, REQUESTS, directory);
        }
    }
}
