// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import dev.miraflores.bindings.libc.libc_abi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What a file, or the disk that a device stands for, says of how it wants to be read and written.
 *
 * <p>Thread: any.
 *
 * <p>Source: statx(2) (STATX_DIOALIGN), ioctl_list(2) for BLKGETSIZE64 and its siblings, preadv2(2) for the flags.
 */
public final class Storage {
    /** A write that is durable when it is complete; for one request what O_DSYNC is for a descriptor. */
    public static final int RWF_DSYNC = libc_abi.RWF_DSYNC;

    private static final MemorySegment STATX = Libc.symbol("statx");

    private Storage() {}

    /** The ioctls that are made here. */
    public static int[] ioctls() {
        return new int[] {
            libc_abi.BLKDISCARD, libc_abi.BLKZEROOUT, (int) libc_abi.BLKGETSIZE64, libc_abi.BLKSSZGET,
            libc_abi.BLKPBSZGET, libc_abi.BLKROGET
        };
    }

    /** Bytes on a block device, or −errno. */
    public static long deviceBytes(int fd) {
        MemorySegment state = Libc.state();
        int rc = Ioctl.call(fd, libc_abi.BLKGETSIZE64, state.address() + Libc.SCRATCH_OFFSET);
        return rc < 0 ? rc : state.get(ValueLayout.JAVA_LONG, Libc.SCRATCH_OFFSET);
    }

    /** The smallest unit that a block device reads or writes, in bytes, or −errno. */
    public static int logicalBlockBytes(int fd) {
        return deviceInt(fd, libc_abi.BLKSSZGET);
    }

    /** The unit that a block device writes without reading first, in bytes, or −errno. */
    public static int physicalBlockBytes(int fd) {
        return deviceInt(fd, libc_abi.BLKPBSZGET);
    }

    /** Whether a block device takes no writes: 1 if so, 0 if not, or −errno. */
    public static int isReadOnly(int fd) {
        return deviceInt(fd, libc_abi.BLKROGET);
    }

    /** Lets a block device forget a range, given in multiples of its logical block: 0 or −errno. Waits for it. */
    public static int discard(int fd, long offset, long byteSize) {
        return deviceRange(fd, libc_abi.BLKDISCARD, offset, byteSize);
    }

    /** Zeroes a range of a block device, given in multiples of its logical block, and keeps it allocated: 0 or −errno. */
    public static int zeroOut(int fd, long offset, long byteSize) {
        return deviceRange(fd, libc_abi.BLKZEROOUT, offset, byteSize);
    }

    /** With a {@code u64[2]}: where it begins, and its length. */
    private static int deviceRange(int fd, long request, long offset, long byteSize) {
        MemorySegment state = Libc.state();
        state.set(ValueLayout.JAVA_LONG, Libc.SCRATCH_OFFSET, offset);
        state.set(ValueLayout.JAVA_LONG, Libc.SCRATCH_OFFSET + Long.BYTES, byteSize);
        return Ioctl.call(fd, request, state.address() + Libc.SCRATCH_OFFSET);
    }

    private static int deviceInt(int fd, long request) {
        MemorySegment state = Libc.state();
        int rc = Ioctl.call(fd, request, state.address() + Libc.SCRATCH_OFFSET);
        return rc < 0 ? rc : state.get(ValueLayout.JAVA_INT, Libc.SCRATCH_OFFSET);
    }

    /** What O_DIRECT demands of this file, or {@code null} where the kernel (before Linux 6.1) or file system does not say. */
    public static DirectAlignment directAlignment(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment status = arena.allocate(libc_abi.statx.sizeof, Long.BYTES);
            MemorySegment ofDescriptor = arena.allocateFrom("");
            int rc = Libc.callInt(STATX, fd, ofDescriptor.address(), libc_abi.AT_EMPTY_PATH, libc_abi.STATX_DIOALIGN,
                    status.address(), 0, 0);
            if (rc < 0 || (status.get(ValueLayout.JAVA_INT, libc_abi.statx.stx_mask) & libc_abi.STATX_DIOALIGN) == 0) {
                return null;
            }
            int memory = status.get(ValueLayout.JAVA_INT, libc_abi.statx.stx_dio_mem_align);
            int offset = status.get(ValueLayout.JAVA_INT, libc_abi.statx.stx_dio_offset_align);
            return memory <= 0 || offset <= 0 ? null : new DirectAlignment(memory, offset);
        }
    }

    /**
     * @param memoryBytes what each buffer's address has to be a multiple of
     * @param offsetBytes what file offsets and lengths have to be multiples of
     */
    public record DirectAlignment(int memoryBytes, int offsetBytes) {}
}
