// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.util.concurrent.atomic.AtomicInteger;

/** Counts what passes, and misbehaves when told to. */
final class CountingStage implements BlockStage {

    final AtomicInteger passed = new AtomicInteger();
    final AtomicInteger attached = new AtomicInteger();
    final AtomicInteger detached = new AtomicInteger();
    volatile int closed;
    volatile long byteSize;
    /** Keeps what it is given. */
    volatile boolean keeps;
    /** Lets go what was kept last. The I/O thread. */
    volatile Runnable letGo;
    volatile RuntimeException bugWhenAttached;
    volatile RuntimeException bugWhenSubmitted;
    volatile RuntimeException bugWhenReturned;
    volatile RuntimeException bugOncePassed;

    @Override
    public BlockLink attach(IoThread thread, BlockLink next, LinkOptions options) {
        if (bugWhenAttached != null) {
            throw bugWhenAttached;
        }
        attached.incrementAndGet();
        return new Link(next);
    }

    @Override
    public void onResize(long bytes) {
        byteSize = bytes;
    }

    @Override
    public void close() {
        closed++;
        if (attached.get() != detached.get()) {
            throw new IllegalStateException("closed before its links");
        }
    }

    private final class Link implements BlockLink {
        private final BlockLink next;

        Link(BlockLink next) {
            this.next = next;
        }

        @Override
        public void submit(BlockIo io) {
            passed.incrementAndGet();
            if (bugWhenSubmitted != null) {
                throw bugWhenSubmitted;
            }
            if (bugWhenReturned != null) {
                RuntimeException bug = bugWhenReturned;
                io.onReturn((request, result) -> {
                    throw bug;
                });
            }
            if (keeps) {
                letGo = () -> next.submit(io);
            } else {
                next.submit(io);
            }
            if (bugOncePassed != null) {
                throw bugOncePassed;
            }
        }

        @Override
        public void close() {
            detached.incrementAndGet();
        }
    }
}
