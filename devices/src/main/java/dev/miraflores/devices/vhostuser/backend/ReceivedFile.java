// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser.backend;

import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.FileStatus;
import dev.miraflores.linux.Mapping;
import java.lang.foreign.MemorySegment;

/**
 * A part of a file whose descriptor a front end has sent, mapped. The descriptor is not needed any more then.
 * <p>It lies inside the file when it is mapped. A file that its owner shortens later takes its pages away: the kernel's accesses
 * then fail with EFAULT, and the JVM turns the SIGBUS of its own into an {@link InternalError}. A memfd with F_SEAL_SHRINK,
 * which QEMU's are, cannot be shortened.
 *
 * @param mapping what was mapped: at least the part
 * @param offset  of the part in it
 */
record ReceivedFile(Mapping mapping, long offset, long byteSize) {

    private static final long PAGE_BYTES = 4096;

    /**
     * Maps it.
     *
     * @throws Refusal where it is no such file, or the part is not in it
     */
    static ReceivedFile map(Fd file, long offset, long byteSize, String what) throws Refusal {
        if (file == null) {
            throw new Refusal(what + " without a descriptor");
        }
        FileStatus status = FileIo.fstat(file.number());
        if (!status.isRegularFile()) {
            throw new Refusal(what + " in what is no file");
        }
        if (offset < 0 || byteSize <= 0 || offset % PAGE_BYTES != 0 || byteSize > status.byteSize() - offset) {
            throw new Refusal(what + " of " + Long.toUnsignedString(byteSize) + " bytes from " + Long.toUnsignedString(offset)
                + " on, in a file of " + status.byteSize());
        }
        // Huge pages are mapped and unmapped whole; the block size says how large they are.
        long block = Math.max(PAGE_BYTES, Long.highestOneBit(status.blockBytes()));
        long start = offset & -block;
        long end = offset + byteSize + block - 1 & -block;
        if (end < 0) {
            throw new Refusal(what + " of " + byteSize + " bytes");
        }
        try {
            Mapping mapping = Mapping.file(
                file.number(), start, end - start, Mapping.PROT_READ | Mapping.PROT_WRITE, Mapping.MAP_SHARED);
            return new ReceivedFile(mapping, offset - start, byteSize);
        } catch (ErrnoException e) {
            throw new Refusal(what + ": " + e.getMessage());
        }
    }

    MemorySegment segment() {
        return mapping.segment().asSlice(offset, byteSize);
    }
}
