// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Does each request at once, and waits for it: for an image that is being closed, when there is no I/O thread any more.
 * <p>Thread: one.
 */
final class SyncLink implements BlockLink {

    private final BlockFile file;
    private final int fd;
    private final boolean flushes;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment iovec = arena.allocate(FileIo.IOVEC_BYTES, Long.BYTES);

    SyncLink(BlockFile file, boolean flushes) {
        this.file = file;
        this.fd = file.number();
        this.flushes = flushes;
    }

    @Override
    public void submit(BlockIo io) {
        int result = switch (io.operation()) {
            case READ, WRITE -> transfer(io);
            case FLUSH -> flushes ? file.syncResult(FileIo.fdatasync(fd)) : 0;
            case DISCARD, WRITE_ZEROES -> FileIo.fallocate(
                fd, FileIo.FALLOC_FL_PUNCH_HOLE | FileIo.FALLOC_FL_KEEP_SIZE, io.offset(), io.byteCount());
        };
        io.complete(result);
    }

    private int transfer(BlockIo io) {
        long offset = io.offset();
        for (int i = 0; i < io.bufferCount(); i++) {
            long address = io.bufferAddress(i);
            long left = io.bufferLength(i);
            while (left > 0) {
                iovec.set(ValueLayout.JAVA_LONG, 0, address);
                iovec.set(ValueLayout.JAVA_LONG, Long.BYTES, left);
                long rc = io.operation() == BlockIo.Operation.READ
                    ? FileIo.preadv(fd, iovec.address(), 1, offset) : FileIo.pwritev(fd, iovec.address(), 1, offset);
                if (rc == -Errno.EINTR) {
                    continue;
                }
                if (rc <= 0) {
                    return rc == 0 ? -Errno.EIO : (int) rc;
                }
                address += rc;
                offset += rc;
                left -= rc;
            }
        }
        return 0;
    }

    @Override
    public void close() {
        arena.close();
    }
}
