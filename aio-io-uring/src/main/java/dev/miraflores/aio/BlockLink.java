// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * A way for requests to a disk: the engine at the end, or something before it that looks at requests, changes them,
 * holds them back, or answers them itself.
 * <p>Thread: its I/O thread, all methods.
 * <p>Lifetime: until {@link #close}, with nothing in flight.
 */
public interface BlockLink extends AutoCloseable {

    /** What {@link #inFlight} answers where nobody counts. */
    int UNCOUNTED = -1;

    /**
     * Takes a request. It completes exactly once, on this thread, maybe before this returns. Requests are in no order:
     * whoever wants one waits for the first to complete.
     */
    void submit(BlockIo io);

    /**
     * How many requests were submitted here and are not complete, or {@link #UNCOUNTED}. As long as there is one, what is
     * behind this link may touch its buffers; so a link that is the last of a chain counts.
     */
    default int inFlight() {
        return UNCOUNTED;
    }

    /**
     * Somebody waits until nothing is in flight here. A link that holds requests back of its own will, for longer than
     * those after it need to complete, lets them all go, and those that come, until {@link #endDrain}. Called on every link
     * of a chain, by who put it together; a link tells only those that it made itself.
     */
    default void beginDrain() {
    }

    /**
     * The wait is over: all that was in flight has completed, or the one who waited has given up. A link that was attached
     * meanwhile hears only of the end.
     */
    default void endDrain() {
    }

    @Override
    void close();
}
