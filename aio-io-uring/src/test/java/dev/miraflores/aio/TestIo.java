// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A request that a test waits for. */
final class TestIo extends BlockIo {

    private static final int MAX_BUFFERS = 64;

    private CompletableFuture<Integer> result = new CompletableFuture<>();

    TestIo(Arena arena) {
        super(arena.allocate((long) MAX_BUFFERS * IOVEC_BYTES, Long.BYTES));
    }

    TestIo with(Operation operation, long offset, MemorySegment... buffers) {
        result = new CompletableFuture<>();
        begin(operation, offset);
        for (MemorySegment buffer : buffers) {
            addBuffer(buffer.address(), buffer.byteSize());
        }
        return this;
    }

    TestIo withRange(Operation operation, long offset, long byteCount, boolean mayUnmap) {
        result = new CompletableFuture<>();
        beginRange(operation, offset, byteCount, mayUnmap);
        return this;
    }

    /** Submits it from the I/O thread, and waits here. */
    int run(IoThread thread, BlockLink link) {
        thread.execute(() -> link.submit(this));
        return await();
    }

    int await() {
        try {
            return result.get(20, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError("request did not complete", e);
        }
    }

    @Override
    protected void onComplete(int outcome) {
        if (!result.complete(outcome)) {
            throw new AssertionError("completed twice");
        }
    }

    @Override
    protected void onFailure(Throwable bug) {
        result.completeExceptionally(bug);
    }
}
