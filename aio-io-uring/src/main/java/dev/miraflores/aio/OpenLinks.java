// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.jfr.FlightEvents;
import java.util.ArrayList;
import java.util.List;

/**
 * The ways to files that are open on an I/O thread, whoever opened them.
 * <p>Thread: the I/O thread.
 */
final class OpenLinks {

    /**
     * @param link   the engine, or what stands before it
     * @param memory where the buffers of its requests lie
     */
    private record Open(BlockEngine engine, BlockEngine link, IoMemory memory) {
    }

    private final IoThread thread;
    private final EventPort port;
    private final List<Open> links = new ArrayList<>();

    OpenLinks(IoThread thread, EventPort port) {
        this.thread = thread;
        this.port = port;
    }

    /** As {@link IoThread#open}. */
    BlockEngine open(BlockFile file, LinkOptions options) {
        BlockEngine engine = openEngine(file, options);
        BlockEngine link = file.directAlignment() == null ? engine : new AlignedLink(
            engine, file.directAlignment(), options.memory(), file.writeGate(), thread);
        links.add(new Open(engine, link, options.memory()));
        return link;
    }

    private BlockEngine openEngine(BlockFile file, LinkOptions options) {
        EngineChoice choice = choose(file, options.engine());
        FlightEvents.driveEngine(file.toString(), choice.kind().word(), choice.whyNot());
        return switch (choice.kind()) {
            case IO_URING -> port.openEngine(thread, file, options);
            case NATIVE -> new NativeBlockEngine(thread, file, options);
            case THREADS -> new ThreadsBlockEngine(thread, file, options);
        };
    }

    private EngineChoice choose(BlockFile file, EngineKind wish) {
        try {
            return choose(wish, file.cache());
        } catch (DriveException e) {
            throw new DriveException("drive " + file + ": " + e.getMessage());
        }
    }

    /** As {@link IoThread#choose}; any thread. */
    EngineChoice choose(EngineKind wish, CacheMode cache) {
        return EngineChoice.of(wish, cache, new HostProbe(port.whyNoUring()));
    }

    /** An engine of {@link #open} is closed. */
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
