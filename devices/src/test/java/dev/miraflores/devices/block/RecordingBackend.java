// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;

/** Answers at once with whatever it is told to. */
final class RecordingBackend implements BlockBackend, BlockLink {
    volatile int result;
    volatile BlockIo.Operation lastOperation;
    volatile boolean lastWasDurable;
    volatile boolean lastMayUnmap;
    volatile RuntimeException bug;

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
        return 4096;
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return this;
    }

    @Override
    public void submit(BlockIo io) {
        if (bug != null) {
            throw bug;
        }
        lastOperation = io.operation();
        lastWasDurable = io.isDurable();
        lastMayUnmap = io.mayUnmap();
        io.complete(result);
    }

    @Override
    public void close() {
    }
}
