// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Storage;

/**
 * One request as a call that waits, done by a {@link EngineWorkers worker}. Made once for each of an engine's slots; what a
 * worker needs is copied into it, since the request itself belongs to the I/O thread.
 * <p>Thread: the I/O thread until it is handed over and from when it is taken back; one worker in between. The queues on
 * either side are what orders the two.
 */
final class EngineTask {

    /** The engine's number for the request. */
    final int slot;
    private final BlockFile file;

    private Operation operation;
    private long offset;
    private long byteCount;
    private long address;
    private int bufferCount;
    private boolean durable;
    private boolean mayUnmap;
    private long result;
    private Throwable bug;

    EngineTask(int slot, BlockFile file) {
        this.slot = slot;
        this.file = file;
    }

    /** Takes on what is left of {@code io}. */
    void prepare(BlockIo io) {
        operation = io.operation();
        durable = io.isDurable() && file.cache().flushes();
        if (operation.isRange()) {
            offset = file.ranges().start(io);
            byteCount = file.ranges().byteCount(io);
            mayUnmap = io.mayUnmap();
        } else if (operation != Operation.FLUSH) {
            offset = io.remainingOffset();
            byteCount = io.remainingBytes();
            bufferCount = io.remainingBuffers();
            address = isVectored() ? io.remainingIovecs() : io.remainingAddress();
        }
    }

    /** The call with flags is one with an array. */
    private boolean isVectored() {
        return bufferCount != 1 || durable;
    }

    /** What came of it: bytes, or −errno. */
    long result() {
        return result;
    }

    /** What it threw instead, a bug of ours, or {@code null}. */
    Throwable bug() {
        return bug;
    }

    /** On a worker; waits for the disk. */
    void run() {
        bug = null;
        try {
            call();
        } catch (RuntimeException | Error e) {
            bug = e;
        }
    }

    private void call() {
        result = switch (operation) {
            case READ -> read(file.number());
            case WRITE -> write(file.number());
            case FLUSH -> FileIo.fdatasync(file.number());
            case DISCARD -> file.ranges().discard(offset, byteCount);
            case WRITE_ZEROES -> writeZeroes(file.number());
        };
    }

    private long read(int fd) {
        return isVectored()
            ? FileIo.preadv(fd, address, bufferCount, offset) : FileIo.pread(fd, address, byteCount, offset);
    }

    private long write(int fd) {
        if (durable) {
            return writeDurably(fd);
        }
        return isVectored()
            ? FileIo.pwritev(fd, address, bufferCount, offset) : FileIo.pwrite(fd, address, byteCount, offset);
    }

    private long writeDurably(int fd) {
        long written = FileIo.pwritev2(fd, address, bufferCount, offset, Storage.RWF_DSYNC);
        // Before Linux 4.13, and where a filter hides the call.
        if (written == -Errno.EOPNOTSUPP || written == -Errno.ENOSYS) {
            written = FileIo.pwritev(fd, address, bufferCount, offset);
            int synced = written >= 0 ? file.noteSync(FileIo.fdatasync(fd)) : 0;
            return synced < 0 ? synced : written;
        }
        return written;
    }

    private long writeZeroes(int fd) {
        long zeroed = file.ranges().writeZeroes(offset, byteCount, mayUnmap);
        int synced = zeroed >= 0 && durable ? file.noteSync(FileIo.fdatasync(fd)) : 0;
        return synced < 0 ? synced : zeroed;
    }
}
