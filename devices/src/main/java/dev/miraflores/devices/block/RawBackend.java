// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;

/** {@code format=raw}: the bytes of a file or block device are those of the disk. */
final class RawBackend implements BlockBackend {

    private final BlockFile file;

    RawBackend(String path, CacheMode cache, boolean readOnly) {
        this.file = BlockFile.open(path, cache, readOnly);
    }

    /** Of a file that was opened already, and becomes this one's. */
    RawBackend(BlockFile file) {
        this.file = file;
    }

    BlockFile file() {
        return file;
    }

    @Override
    public long byteSize() {
        return file.byteSize();
    }

    @Override
    public boolean isReadOnly() {
        return file.isReadOnly();
    }

    @Override
    public boolean hasWriteCache() {
        return file.cache().hasWriteCache();
    }

    @Override
    public int physicalBlockBytes() {
        return file.physicalBlockBytes();
    }

    @Override
    public long resize(long bytes) {
        return file.resize(bytes);
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return thread.open(file, options);
    }

    @Override
    public void close() {
        file.close();
    }
}
