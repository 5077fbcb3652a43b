// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Descriptors that came over a socket, in the order they came in. Each is either taken, and then the taker's, or closed here.
 *
 * <p>Thread: one at a time.
 */
public final class ReceivedFds implements AutoCloseable {
    private final Deque<Fd> fds = new ArrayDeque<>();

    /** None yet. */
    public ReceivedFds() {}

    /** Takes one over. */
    public void add(Fd fd) {
        fds.add(fd);
    }

    /** How many are left. */
    public int count() {
        return fds.size();
    }

    /** The next one, from now on the caller's to close; null when none is left. */
    public Fd take() {
        return fds.poll();
    }

    /** Closes those left; more may come in afterwards. */
    @Override
    public void close() {
        for (Fd fd = fds.poll(); fd != null; fd = fds.poll()) {
            fd.close();
        }
    }
}
