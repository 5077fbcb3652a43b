// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;

/** {@code format=raw}: the bytes of a file or block device are those of the disk. */
final class RawBackend implements BlockBackend {

    private static final long ALL = Long.MAX_VALUE;

    private final BlockFile file;
    /** How much of the file there is to the disk. */
    private volatile long shownBytes = ALL;

    RawBackend(String path, CacheMode cache, boolean readOnly) {
        this.file = BlockFile.open(path, cache, readOnly);
    }

    BlockFile file() {
        return file;
    }

    /** The first {@code byteSize} bytes of a file that is open, and becomes this one's; all of it once it is resized. */
    RawBackend(BlockFile file, long byteSize) {
        this.file = file;
        this.shownBytes = byteSize;
    }

    @Override
    public long byteSize() {
        return Math.min(file.byteSize(), shownBytes);
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
        long now = file.resize(bytes);
        shownBytes = ALL;
        return now;
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
