// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.BlockStageProvider;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.aio.StageRequest;

/** Answers writes with an error for as long as it is told to, counts what it lets through, and makes itself for a drive. */
final class FaultyStage implements BlockStage, BlockStageProvider {

    /** A positive errno; 0 lets all through. */
    volatile int writeErrno;
    volatile int passed;
    volatile boolean closed;

    @Override
    public String name() {
        return "faulty";
    }

    @Override
    public BlockStage open(StageRequest request) {
        return this;
    }

    @Override
    public BlockLink attach(IoThread thread, BlockLink next, LinkOptions options) {
        return new BlockLink() {
            @Override
            public void submit(BlockIo io) {
                int errno = writeErrno;
                if (errno != 0 && io.operation() == Operation.WRITE) {
                    io.complete(-errno);
                } else {
                    passed++;       // one queue, so one thread
                    next.submit(io);
                }
            }

            @Override
            public void close() {
            }
        };
    }

    @Override
    public void close() {
        closed = true;
    }
}
