// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.aio.qcow2.Qcow2Image;
import java.util.List;

/** {@code format=qcow2}: an image with a table of where its disk's clusters are. All queues are on one I/O thread. */
final class Qcow2Backend implements BlockBackend {

    private final Qcow2Image image;

    Qcow2Backend(String path, CacheMode cache, boolean readOnly, List<BackingFile> backing) {
        this.image = Qcow2Image.open(path, cache, readOnly, backing);
    }

    @Override
    public long byteSize() {
        return image.byteSize();
    }

    @Override
    public boolean isReadOnly() {
        return image.isReadOnly();
    }

    @Override
    public boolean hasWriteCache() {
        return image.cache().hasWriteCache();
    }

    @Override
    public int physicalBlockBytes() {
        return image.physicalBlockBytes();
    }

    @Override
    public long resize(long bytes) {
        return image.resize(bytes);
    }

    @Override
    public BlockLink attach(IoThread thread, LinkOptions options) {
        return image.attach(thread, options);
    }

    @Override
    public void close() {
        image.close();
    }
}
