// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * What a link to a disk is made with.
 *
 * @param memory         where the buffers of requests lie
 * @param depth          how many requests there are at once
 * @param registerMemory whether to register {@code memory} with the kernel, where that helps and the host permits: what has
 *                       been used for I/O then stays pinned as long as the link lives. Pages of it must not be discarded
 *                       meanwhile (MADV_DONTNEED, a balloon): I/O would go to the old ones
 * @param counters       what happens is counted here; they outlive the link
 * @param engine         what is to hand requests to the kernel; {@code null} for the best that is to be had, see
 *                       {@link EngineChoice}
 */
public record LinkOptions(
        IoMemory memory, int depth, boolean registerMemory, Counters<EngineCounter> counters, EngineKind engine) {

    public LinkOptions {
        if (depth <= 0) {
            throw new IllegalArgumentException("depth " + depth);
        }
    }

    /** With the best engine that is to be had. */
    public LinkOptions(IoMemory memory, int depth, boolean registerMemory, Counters<EngineCounter> counters) {
        this(memory, depth, registerMemory, counters, null);
    }

    /** Without registered memory, with counters of its own, and with the best engine that is to be had. */
    public static LinkOptions of(IoMemory memory, int depth) {
        return new LinkOptions(memory, depth, false, engineCounters());
    }

    /** The same, with an engine of that kind. */
    public LinkOptions withEngine(EngineKind kind) {
        return new LinkOptions(memory, depth, registerMemory, counters, kind);
    }

    /** Fresh counters. */
    public static Counters<EngineCounter> engineCounters() {
        return new Counters<>(EngineCounter.values().length);
    }
}
