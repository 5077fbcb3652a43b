// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Completes each request ten milliseconds later. */
final class DelayedBackend implements BlockBackend {
    volatile int inFlight;
    volatile int attached;
    volatile int closed;

    @Override
    public long byteSize() {
        return DiskFixture.DISK_BYTES;
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    @Override
    public boolean hasWriteCache() {
        return true;
    }

    @Override
    public int physicalBlockBytes() {
        return 512;
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        attached++;
        return new BlockLink() {
            @Override
            public void submit(BlockIo io) {
                inFlight++;
                CompletableFuture.delayedExecutor(10, TimeUnit.MILLISECONDS).execute(() -> thread.execute(() -> {
                    inFlight--;
                    io.complete(0);
                }));
            }

            @Override
            public void close() {
                closed++;
            }
        };
    }

    @Override
    public void close() {
    }
}
