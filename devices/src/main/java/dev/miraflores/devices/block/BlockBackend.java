// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;

/**
 * What is behind a disk: an image in some format, or nothing at all.
 * <p>Thread: {@code attach}, the I/O thread that the link is for; the rest, any.
 * <p>Lifetime: until {@link #close}, which comes after that of every link.
 */
public interface BlockBackend extends AutoCloseable {

    /** Bytes on the disk, a multiple of 512. */
    long byteSize();

    boolean isReadOnly();

    /** Whether a write that is complete may be lost until a flush is, unless it is asked to be durable. */
    boolean hasWriteCache();

    /** What it writes without reading first, in bytes: a power of two, 512 or more. */
    int physicalBlockBytes();

    /**
     * Makes it larger or smaller. Nothing is in flight on any link meanwhile.
     *
     * @param byteSize a multiple of 512
     * @return what it is now
     * @throws DriveException where it cannot be; the message is one line
     */
    default long resize(long byteSize) {
        throw new DriveException("cannot be resized");
    }

    /** A way to the disk for requests on {@code thread}. */
    BlockLink attach(IoThread thread, LinkOptions options);

    @Override
    void close();
}
