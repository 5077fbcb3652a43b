// SPDX-License-Identifier: Apache-2.0
package dev.example.protect;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockReturn;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.util.concurrent.atomic.AtomicLong;

/** Answers what would change the beginning of the disk with an error; looks at all the rest as it comes back. */
final class ProtectStage implements BlockStage {

    private static final int EPERM = 1;

    private final long protectedBytes;
    private final AtomicLong refused = new AtomicLong();
    private final AtomicLong completed = new AtomicLong();

    ProtectStage(long protectedBytes) {
        this.protectedBytes = protectedBytes;
    }

    @Override
    public BlockLink attach(IoThread thread, BlockLink next, LinkOptions options) {
        return new ProtectLink(next);
    }

    @Override
    public void close() {
        System.getLogger(ProtectStage.class.getName()).log(
            System.Logger.Level.INFO, "protect: " + refused + " requests refused, " + completed + " let through");
    }

    /** One per queue of the disk: what is only this link's needs no lock. */
    private final class ProtectLink implements BlockLink, BlockReturn {
        private final BlockLink next;

        ProtectLink(BlockLink next) {
            this.next = next;
        }

        @Override
        public void submit(BlockIo io) {
            if (changesTheDisk(io) && io.offset() < protectedBytes) {
                refused.incrementAndGet();
                io.complete(-EPERM); // answered here: nobody further down sees it
                return;
            }
            io.onReturn(this); // to be called when it is done, before those who submitted it
            next.submit(io);
        }

        private boolean changesTheDisk(BlockIo io) {
            return switch (io.operation()) {
                case WRITE, WRITE_ZEROES, DISCARD -> true;
                case READ, FLUSH -> false;
            };
        }

        @Override
        public void onReturn(BlockIo io, int result) {
            completed.incrementAndGet();
            io.complete(result);
        }

        @Override
        public void close() {
        }
    }
}
