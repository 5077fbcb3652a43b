// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.util.ArrayList;
import java.util.List;

/**
 * The links of one queue: one of each stage, that next to the guest first, then the one that does the I/O.
 * <p>Thread: the queue's I/O thread.
 */
final class LinkChain {

    private static final class Log {
        static final System.Logger LOGGER = System.getLogger(LinkChain.class.getName());
    }

    /** In the order in which requests pass them. */
    private final List<BlockLink> links = new ArrayList<>();
    private BlockLink last;
    private boolean draining;

    private final IoThread thread;
    private final IoMemory memory;

    private LinkChain(IoThread thread, IoMemory memory) {
        this.thread = thread;
        this.memory = memory;
    }

    /** Links to all of them; where this throws, none is left. */
    static LinkChain attach(IoThread thread, List<BlockStage> stages, BlockBackend backend, LinkOptions options) {
        LinkChain chain = new LinkChain(thread, options.memory());
        try {
            chain.last = backend.attach(thread, options);
            chain.links.add(chain.last);
            if (!stages.isEmpty()) {
                chain.links.addFirst(new Door(chain.last));
            }
            for (BlockStage stage : stages.reversed()) {
                chain.links.addFirst(stage.attach(thread, chain.first(), options));
            }
            return chain;
        } catch (RuntimeException | Error e) {
            chain.close();
            throw e;
        }
    }

    /** Where requests go in. */
    BlockLink first() {
        return links.getFirst();
    }

    /**
     * How much the kernel may have that lies in the guest's memory, or 0: what went through all links, be it that a format
     * has it yet, and what a stage sends to files of its own. What all queues of the thread have of the latter counts.
     */
    int inKernel() {
        return Math.max(0, last.inFlight()) + thread.inFlight(memory);
    }

    /** Whether {@link #inKernel} can be relied on: somebody's own backend may not count. */
    boolean knowsKernel() {
        return last.inFlight() != BlockLink.UNCOUNTED;
    }

    /** Somebody waits until nothing is in flight; see {@link BlockLink#beginDrain}. */
    void beginDrain() {
        if (!draining) {
            draining = true;
            for (BlockLink link : links) {
                link.beginDrain();
            }
        }
    }

    void endDrain() {
        if (draining) {
            draining = false;
            for (BlockLink link : links) {
                link.endDrain();
            }
        }
    }

    /** Closes all, in the order in which requests pass them; a bug in one is not the others' affair. */
    void close() {
        for (BlockLink link : links) {
            try {
                link.close();
            } catch (RuntimeException | Error bug) {
                Log.LOGGER.log(System.Logger.Level.ERROR, "closing a link of a disk failed", bug);
            }
        }
    }

    /** Behind the stages: once closed, what a stage forgot and lets go later gets no further. */
    private static final class Door implements BlockLink {
        private final BlockLink next;
        private boolean closed;

        Door(BlockLink next) {
            this.next = next;
        }

        @Override
        public void submit(BlockIo io) {
            if (closed) {
                throw new IllegalStateException("request for a link that was closed");
            }
            next.submit(io);
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
