// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.Semaphore;

/** An engine alone: random reads of one size, so many at a time, the next submitted where one completes. */
final class EngineWork implements AutoCloseable {

    static final int MAX_DEPTH = 128;
    private static final int ALIGNMENT = 4096;

    private final Arena arena = Arena.ofShared();
    private final BlockFile file;
    private final IoThread thread = IoThread.start("bench-io");
    private final Read[] reads = new Read[MAX_DEPTH];
    private final int requestBytes;
    private final long blocks;
    private final Semaphore finished = new Semaphore(0);
    private BlockLink link;

    private long toSend;
    private long toCome;
    private long errors;
    private long random = 88172645463325252L;

    EngineWork(String path, CacheMode cache, EngineKind kind, int requestBytes) {
        this.requestBytes = requestBytes;
        file = BlockFile.open(path, cache, true);
        blocks = file.byteSize() / requestBytes;
        MemorySegment memory = arena.allocate((long) MAX_DEPTH * requestBytes, ALIGNMENT);
        for (int i = 0; i < MAX_DEPTH; i++) {
            reads[i] = new Read(arena, memory.address() + (long) i * requestBytes);
        }
        LinkOptions options = new LinkOptions(
            IoMemory.of(List.of(memory)), MAX_DEPTH, true, LinkOptions.engineCounters(), kind);
        thread.call(() -> link = thread.open(file, options));
    }

    /** Does {@code count} reads, {@code depth} at a time: how long it took. */
    long run(long count, int depth) {
        long start = System.nanoTime();
        thread.execute(() -> {
            toSend = count;
            toCome = count;
            for (int i = 0; i < depth && toSend > 0; i++) {
                reads[i].next();
            }
        });
        finished.acquireUninterruptibly();
        if (errors != 0) {
            throw new IllegalStateException(errors + " reads failed");
        }
        return System.nanoTime() - start;
    }

    private long nextBlock() {
        random ^= random << 13;
        random ^= random >>> 7;
        random ^= random << 17;
        return Math.floorMod(random, blocks);
    }

    private final class Read extends BlockIo {
        private final long address;

        Read(Arena arena, long address) {
            super(arena.allocate(IOVEC_BYTES, Long.BYTES));
            this.address = address;
        }

        void next() {
            toSend--;
            begin(Operation.READ, nextBlock() * requestBytes);
            addBuffer(address, requestBytes);
            link.submit(this);
        }

        @Override
        protected void onComplete(int result) {
            errors += result == 0 ? 0 : 1;
            if (toSend > 0) {
                next();
            }
            if (--toCome == 0) {
                finished.release();
            }
        }

        @Override
        protected void onFailure(Throwable bug) {
            errors++;
            finished.release();
        }
    }

    @Override
    public void close() {
        thread.call(link::close);
        thread.close();
        file.close();
        arena.close();
    }
}
