// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Mapping;
import dev.miraflores.linux.Storage;
import dev.miraflores.linux.Storage.DirectAlignment;
import java.lang.foreign.MemorySegment;

/** Finds out what O_DIRECT demands of a file: asks the kernel, and where it does not know, tries. */
final class DirectProbe {

    /** No disk wants more; what is not known to be less is taken to be this. */
    private static final int PAGE_BYTES = 4096;
    private static final int MIN_BYTES = BlockFile.SECTOR_BYTES;

    private DirectProbe() {
    }

    /**
     * @param fd       open with O_DIRECT
     * @param byteSize of the file; an empty one cannot be tried
     */
    static DirectAlignment alignment(int fd, long byteSize) {
        DirectAlignment told = Storage.directAlignment(fd);
        if (told != null) {
            return told;
        }
        try (Mapping pages = Mapping.anonymous(2L * PAGE_BYTES, 0)) {
            int offsetBytes = byteSize == 0 ? PAGE_BYTES : smallest(fd, pages.segment(), true);
            int memoryBytes = byteSize == 0 ? PAGE_BYTES : smallest(fd, pages.segment(), false);
            // A block device says what its blocks are, and a read of less may have been served by luck.
            return new DirectAlignment(memoryBytes, Math.max(offsetBytes, Storage.logicalBlockBytes(fd)));
        }
    }

    /** The smallest length, or alignment of a buffer, that a read at the file's start succeeds with. */
    private static int smallest(int fd, MemorySegment pages, boolean ofLength) {
        for (int bytes = MIN_BYTES; bytes < PAGE_BYTES; bytes *= 2) {
            MemorySegment buffer = ofLength ? pages.asSlice(0, bytes) : pages.asSlice(bytes, PAGE_BYTES);
            if (FileIo.pread(fd, buffer, 0) != -Errno.EINVAL) {
                return bytes;
            }
        }
        return PAGE_BYTES;
    }
}
