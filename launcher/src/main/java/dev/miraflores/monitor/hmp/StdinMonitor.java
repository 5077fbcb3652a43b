// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * The monitor on standard input and output that are no terminal: a script's. The machine goes on when its input ends.
 * <p>Thread: its own.
 */
public final class StdinMonitor {

    private StdinMonitor() {
    }

    /** Begins to read. */
    public static void start(HmpCommands commands, String version, InputStream in, OutputStream out) {
        Thread.ofPlatform().name("monitor-stdio").daemon().start(() -> {
            try {
                new HmpLines(commands, in, out).run(version);
            } catch (IOException e) {
                // Nobody is there any more.
            }
        });
    }
}
