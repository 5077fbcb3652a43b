// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.ArrayDeque;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Keeps the write of part of a block apart from every other write to the same file, whichever links and threads they are on:
 * any number of whole writes at once, or one partial one. Who cannot go in waits in line, and nobody overtakes.
 * <pre>  state   bit 31  somebody waits: no way in but through the lock
 *          bit 30  a partial write is under way
 *          others  whole writes under way </pre>
 * <p>Thread: any. There is a lock, but only where somebody has to wait.
 */
final class WriteGate {

    private static final int WAITING = 1 << 31;
    private static final int PARTIAL = 1 << 30;

    private final AtomicInteger state = new AtomicInteger();
    /** Each at most once, for the first of its writes. */
    private final ArrayDeque<AlignedLink> line = new ArrayDeque<>();

    /**
     * Asks to let a write of {@code link}'s in.
     *
     * @return whether it is in; if not, {@link AlignedLink#letIn} tells when, and until then the link asks for no other
     */
    boolean enter(AlignedLink link, boolean partial) {
        int seen = state.get();
        while (isOpen(seen, partial) && (seen & WAITING) == 0) {
            int before = state.compareAndExchange(seen, after(seen, partial));
            if (before == seen) {
                return true;
            }
            seen = before;
        }
        return enterInLine(link, partial);
    }

    private static boolean isOpen(int state, boolean partial) {
        return partial ? (state & ~WAITING) == 0 : (state & PARTIAL) == 0;
    }

    private static int after(int state, boolean partial) {
        return partial ? state | PARTIAL : state + 1;
    }

    private synchronized boolean enterInLine(AlignedLink link, boolean partial) {
        link.firstIsPartial = partial;
        line.add(link);
        // Only now: whoever leaves from here on comes by, and waits for the lock.
        state.getAndAccumulate(WAITING, (old, bit) -> old | bit);
        return letIn(link);
    }

    /** A write is over. */
    void leave() {
        int seen = state.get();
        while (true) {
            int after = (seen & PARTIAL) != 0 ? seen & ~PARTIAL : seen - 1;
            int before = state.compareAndExchange(seen, after);
            if (before == seen) {
                if ((after & WAITING) != 0) {
                    letIn(null);
                }
                return;
            }
            seen = before;
        }
    }

    /** Lets in who is first in line, as long as that goes; answers whether {@code caller} is among them, who is not told. */
    private synchronized boolean letIn(AlignedLink caller) {
        boolean callerIsIn = false;
        while (!line.isEmpty() && isOpen(state.get(), line.peek().firstIsPartial)) {
            AlignedLink link = line.remove();
            // Nobody else goes in while the bit is set; some may leave.
            state.getAndAccumulate(link.firstIsPartial ? PARTIAL : 1, Integer::sum);
            if (link == caller) {
                callerIsIn = true;
            } else {
                link.letIn();
            }
        }
        if (line.isEmpty()) {
            state.getAndAccumulate(WAITING, (old, bit) -> old & ~bit);
        }
        return callerIsIn;
    }
}
