// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * Each request as a call that waits, on a thread of the link's own pool. Works everywhere, with the page cache and without.
 */
final class ThreadsBlockEngine extends SlotEngine {

    /**
     * @throws DriveException where no thread is to be had
     */
    ThreadsBlockEngine(IoThread thread, BlockFile file, LinkOptions options) {
        super(thread, file, options);
        try {
            startWorkers();
        } catch (OutOfMemoryError e) {
            throw new DriveException("drive " + file + ": aio=threads: the host has no thread left for it; raise its limit"
                + " (ulimit -u)");
        }
    }

    @Override
    public String name() {
        return EngineKind.THREADS.word();
    }

    @Override
    boolean begin(BlockIo io, int slot) {
        return beginOnWorker(io, slot);
    }

    /** A worker that is woken alone does what all have to do. */
    @Override
    void endTurnSoon() {
    }

    @Override
    void end() {
    }
}
