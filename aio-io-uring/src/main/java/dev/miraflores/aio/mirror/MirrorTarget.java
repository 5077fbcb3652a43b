// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.FileStatus;

/**
 * What a disk is mirrored to.
 * <p>Thread: {@code attach}, the I/O thread that the link is for; the rest, any.
 * <p>Lifetime: until {@link #close}, which comes after that of every link.
 */
public interface MirrorTarget extends AutoCloseable {

    /** Bytes on it. */
    long byteSize();

    /** Two writes that touch the same unit of this many bytes must not be under way at once: a power of two. */
    int writeUnitBytes();

    /** Whether it is the same file or device as {@code file}. */
    boolean isSame(BlockFile file);

    /** A way to it for requests on {@code thread}. */
    BlockLink attach(IoThread thread, LinkOptions options);

    @Override
    void close();

    /**
     * An image or block device that exists, in raw format; its bytes become those of the disk.
     *
     * @throws DriveException where it is missing, not permitted, or in use, by the disk that is to be mirrored for one
     */
    static OfFile file(String path, CacheMode cache) {
        return new OfFile(BlockFile.open(path, cache, false));
    }

    /** A raw image or block device. */
    final class OfFile implements MirrorTarget {

        private final BlockFile file;

        OfFile(BlockFile file) {
            this.file = file;
        }

        /** For the disk, once it goes on with it. */
        public BlockFile file() {
            return file;
        }

        @Override
        public long byteSize() {
            return file.byteSize();
        }

        @Override
        public int writeUnitBytes() {
            // Past the page cache, a write of a part of a block reads the block and writes it back.
            return file.directAlignment() == null
                ? BlockFile.SECTOR_BYTES : Math.max(BlockFile.SECTOR_BYTES, file.directAlignment().offsetBytes());
        }

        @Override
        public boolean isSame(BlockFile other) {
            FileStatus ours = FileIo.fstat(file.number());
            FileStatus theirs = FileIo.fstat(other.number());
            return ours.isBlockDevice() && theirs.isBlockDevice()
                ? ours.specialDevice() == theirs.specialDevice()
                : ours.device() == theirs.device() && ours.inode() == theirs.inode();
        }

        @Override
        public BlockLink attach(IoThread thread, LinkOptions options) {
            return thread.open(file, options);
        }

        @Override
        public void close() {
            file.close();
        }

        @Override
        public String toString() {
            return file.path();
        }
    }
}
