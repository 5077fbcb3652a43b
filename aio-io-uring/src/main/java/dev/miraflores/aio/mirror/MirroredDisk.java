// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.BlockStage;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;

/**
 * A disk, as its mirror sees it.
 * <p>Thread: {@code attach}, the I/O thread that the link is for; the rest, any but an I/O thread.
 */
public interface MirroredDisk {

    /** The drive's id. */
    String id();

    /** Bytes on the disk, now. */
    long byteSize();

    /** An I/O thread of the disk, for the work of copying. */
    IoThread thread();

    /** The file whose bytes are those of the disk, which may tell where its holes are; {@code null} where there is none. */
    BlockFile rawFile();

    /** What the disk's links are made with, but for other memory and another depth. */
    LinkOptions linkOptions(IoMemory memory, int depth);

    /** A link past all stages to what is behind the disk. Whoever gets it closes it. */
    BlockLink attach(IoThread thread, LinkOptions options);

    /**
     * Puts {@code stage} behind all other stages, next to the image, while nothing is in flight.
     *
     * @throws RuntimeException where the disk did not become still; nothing has changed then
     */
    void insert(BlockStage stage);

    /**
     * Takes {@code stage} away and closes it. First, while nothing is in flight on the disk, runs {@code still} on the
     * calling thread; what that throws, the caller gets, and nothing has changed.
     *
     * @param successor what the disk has behind it from then on, which is the disk's to close; {@code null} to leave it
     * @throws RuntimeException where the disk did not become still; nothing has changed then
     */
    void remove(BlockStage stage, Runnable still, MirrorTarget successor);
}
