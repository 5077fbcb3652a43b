// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * What a link to a disk is made with.
 *
 * @param memory         where the buffers of requests lie
 * @param depth          how many requests there are at once
 * @param registerMemory whether to pin all of {@code memory} for as long as the link lives, where the host permits: spares
 *                       pinning the pages of each request, takes all of the memory from the host at once
 * @param counters       what happens is counted here; they outlive the link
 */
public record LinkOptions(IoMemory memory, int depth, boolean registerMemory, Counters<EngineCounter> counters) {

    public LinkOptions {
        if (depth <= 0) {
            throw new IllegalArgumentException("depth " + depth);
        }
    }

    /** Without registered memory, and with counters of its own. */
    public static LinkOptions of(IoMemory memory, int depth) {
        return new LinkOptions(memory, depth, false, engineCounters());
    }

    /** Fresh counters. */
    public static Counters<EngineCounter> engineCounters() {
        return new Counters<>(EngineCounter.values().length);
    }
}
