// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;

/**
 * {@code format=null}: takes every request and does nothing, for measuring all the rest. Reads leave the guest's buffers
 * as they are.
 */
final class NullBackend implements BlockBackend {

    private volatile long byteSize;
    private final boolean readOnly;

    NullBackend(long byteSize, boolean readOnly) {
        this.byteSize = byteSize;
        this.readOnly = readOnly;
    }

    @Override
    public long byteSize() {
        return byteSize;
    }

    @Override
    public boolean isReadOnly() {
        return readOnly;
    }

    @Override
    public boolean hasWriteCache() {
        return true;
    }

    @Override
    public int physicalBlockBytes() {
        return BlockConfigSpace.SECTOR_BYTES;
    }

    @Override
    public long resize(long bytes) {
        byteSize = bytes;
        return bytes;
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return new NullLink();
    }

    @Override
    public void close() {
    }

    private static final class NullLink implements BlockLink {

        @Override
        public void submit(BlockIo io) {
            io.complete(0);
        }

        @Override
        public int inFlight() {
            return 0;
        }

        @Override
        public void close() {
        }
    }
}
