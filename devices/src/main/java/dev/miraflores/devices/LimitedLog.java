// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

import java.util.function.LongSupplier;

/**
 * A log for lines that a guest can cause at will: so many in a while, and then only a count of those left out.
 * <p>Thread: any.
 */
public final class LimitedLog {

    /** Lines in a while. */
    static final int LINES = 5;
    static final long WHILE_NS = 60_000_000_000L;

    private final String source;
    private final String prefix;
    private final LongSupplier clock;
    private long windowStartNs;
    private int lines;
    private long leftOut;

    /**
     * @param source name of the logger, which is made with the first line
     * @param prefix of each line: the thing it is about
     */
    public LimitedLog(Class<?> source, String prefix) {
        this(source, prefix, System::nanoTime);
    }

    /** @param clock nanoseconds from any moment on */
    LimitedLog(Class<?> source, String prefix, LongSupplier clock) {
        this.source = source.getName();
        this.prefix = prefix;
        this.clock = clock;
    }

    /** Logs a line, if there have not been too many of late. */
    public void log(System.Logger.Level level, String line) {
        log(level, line, null);
    }

    /** As {@link #log(System.Logger.Level, String)}, with the stack trace of {@code thrown}. */
    public void log(System.Logger.Level level, String line, Throwable thrown) {
        String more;
        synchronized (this) {
            long now = clock.getAsLong();
            if (lines == 0 || now - windowStartNs > WHILE_NS) {
                windowStartNs = now;
                lines = 0;
            }
            if (lines == LINES) {
                leftOut++;
                return;
            }
            lines++;
            more = leftOut == 0 ? "" : " (" + leftOut + " lines left out before this)";
            leftOut = 0;
        }
        System.getLogger(source).log(level, prefix + line + more, thrown);
    }
}
