// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.linux.Errno;
import java.lang.foreign.Arena;
import java.util.concurrent.CountDownLatch;

/**
 * A flush that no driver asked for.
 * <p>Thread: the queue's I/O thread; who waits, any other.
 */
final class ControlFlush extends BlockIo {

    final CountDownLatch done = new CountDownLatch(1);
    /** 0, or −errno; once it is {@link #done}. */
    volatile int result;

    ControlFlush() {
        super(Arena.ofAuto().allocate(IOVEC_BYTES, Long.BYTES));
    }

    void submit(LinkChain chain) {
        try {
            begin(Operation.FLUSH, 0);
            if (chain == null) {
                onComplete(-Errno.EIO);
            } else {
                chain.first().submit(this);
            }
        } catch (RuntimeException | Error bug) {
            onFailure(bug);
            throw bug; // to be logged
        }
    }

    @Override
    protected void onComplete(int outcome) {
        result = outcome;
        done.countDown();
    }

    @Override
    protected void onFailure(Throwable bug) {
        onComplete(-Errno.EIO);
    }
}
