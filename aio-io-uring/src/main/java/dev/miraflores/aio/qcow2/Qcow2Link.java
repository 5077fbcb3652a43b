// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIoQueue;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Mapping;

/**
 * A queue's way to an image: slots for its requests, and links of its own to the file and to the backing file.
 * <p>Thread: the image's I/O thread.
 */
final class Qcow2Link implements BlockLink {

    /** As many buffers as readv(2) takes (UIO_MAXIOV). */
    private static final int MAX_BUFFERS = 1024;
    /** What comes before and behind a write in its clusters. */
    private static final int PADS = 2;

    private final Qcow2Image image;
    final BlockLink data;
    /** {@code null} where there is no backing file. */
    final BlockLink backing;
    final long backingBytes;
    /** The guest's memory, and the image's own. */
    final IoMemory guestMemory;

    private final Metadata metadata;
    private final Mapping iovecs;
    private final ClusterRequest[] idle;
    private int idleCount;
    private final BlockIoQueue waiting = new BlockIoQueue();

    Qcow2Link(Qcow2Image image, Metadata metadata, int depth, IoMemory guestMemory, BlockLink data, BlockLink backing,
            long backingBytes) {
        this.image = image;
        this.data = data;
        this.backing = backing;
        this.backingBytes = backingBytes;
        this.guestMemory = guestMemory;
        this.metadata = metadata;
        long slotBytes = (long) MAX_BUFFERS * BlockIo.IOVEC_BYTES;
        // Touched only as far as requests have buffers.
        this.iovecs = Mapping.anonymous(slotBytes * depth, Mapping.MAP_NORESERVE);
        this.idle = new ClusterRequest[depth];
        for (int i = 0; i < depth; i++) {
            idle[i] = new ClusterRequest(this, metadata, iovecs.segment().asSlice(slotBytes * i, slotBytes));
        }
        this.idleCount = depth;
    }

    @Override
    public void submit(BlockIo io) {
        if (io.bufferCount() > MAX_BUFFERS - PADS || io.offset() < 0
                || io.byteCount() > metadata.diskBytes() - io.offset()) {
            io.complete(-Errno.EINVAL);
        } else if (idleCount == 0) {
            waiting.add(io);
        } else {
            idle[--idleCount].start(io);
        }
    }

    /** Those that wait for a slot do so only while all of them are in use. */
    @Override
    public int inFlight() {
        return idle.length - idleCount + waiting.size();
    }

    /** For a slot: it is free again. */
    void done(ClusterRequest slot, BlockIo io, int result) {
        idle[idleCount++] = slot;
        if (!waiting.isEmpty()) {
            idle[--idleCount].start(waiting.remove());
        }
        io.complete(result);
    }

    @Override
    public void close() {
        if (idleCount != idle.length) {
            throw new IllegalStateException(image + ": " + (idle.length - idleCount) + " requests in flight");
        }
        data.close();
        if (backing != null) {
            backing.close();
        }
        iovecs.close();
        image.released();
    }
}
