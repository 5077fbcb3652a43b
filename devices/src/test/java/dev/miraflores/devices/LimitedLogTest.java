// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.devices.testkit.LogLines;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LimitedLogTest {

    private long nowNs = Long.MAX_VALUE - LimitedLog.WHILE_NS;      // wraps, as nanoTime may
    private final LimitedLog log = new LimitedLog(LimitedLogTest.class, "disk: ", () -> nowNs);

    private void logged(int times) {
        for (int i = 0; i < times; i++) {
            log.log(System.Logger.Level.WARNING, "broken");
            nowNs++;
        }
    }

    @Test
    void shouldLogSoManyLinesInAWhileAndCountTheRest() {
        try (LogLines lines = new LogLines(LimitedLogTest.class.getName())) {
            logged(1000);
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < LimitedLog.LINES; i++) {
                expected.add("disk: broken");
            }
            assertEquals(expected, lines.lines());

            nowNs += LimitedLog.WHILE_NS;
            logged(1000);
            expected.add("disk: broken (" + (1000 - LimitedLog.LINES) + " lines left out before this)");
            for (int i = 1; i < LimitedLog.LINES; i++) {
                expected.add("disk: broken");
            }
            assertEquals(expected, lines.lines());
        }
    }
}
