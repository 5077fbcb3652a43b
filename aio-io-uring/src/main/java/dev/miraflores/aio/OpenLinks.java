// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.util.ArrayList;
import java.util.List;

/**
 * The ways to files that are open on an I/O thread, whoever opened them.
 * <p>Thread: the I/O thread.
 */
final class OpenLinks {

    private record Open(BlockEngine engine, BlockEngine link, IoMemory memory) {
    }

    private final List<Open> links = new ArrayList<>();

    /**
     * @param engine told to {@link #remove} when it is closed
     * @param link   that, or what stands before it
     * @param memory where the buffers of its requests lie
     */
    void add(BlockEngine engine, BlockEngine link, IoMemory memory) {
        links.add(new Open(engine, link, memory));
    }

    void remove(BlockEngine engine) {
        links.removeIf(open -> open.engine == engine);
    }

    /** Requests not complete on links that were opened with {@code memory}, or with that and more. */
    int inFlight(IoMemory memory) {
        int sum = 0;
        for (Open open : links) {
            sum += open.memory.has(memory) ? open.link.inFlight() : 0;
        }
        return sum;
    }
}
