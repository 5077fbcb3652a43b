// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.Storage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * How ranges of one file are discarded and zeroed: what was asked for, what the file or device takes, and what is done
 * instead where it does not.
 * <pre>                  file                                    block device
 *   DISCARD        fallocate(PUNCH_HOLE)                   BLKDISCARD
 *                  otherwise nothing: it is a hint
 *   WRITE_ZEROES   fallocate(PUNCH_HOLE), with mayUnmap    the same
 *                  fallocate(ZERO_RANGE)                   BLKZEROOUT
 *                  otherwise written                       otherwise written </pre>
 * A discard is rounded inwards to what the file takes; zeroes are exact to the byte.
 * <p>Thread: any; {@code discard} and {@code writeZeroes} wait for the disk.
 */
final class FileRanges {

    private static final int PUNCH = FileIo.FALLOC_FL_PUNCH_HOLE | FileIo.FALLOC_FL_KEEP_SIZE;
    private static final int ZERO = FileIo.FALLOC_FL_ZERO_RANGE | FileIo.FALLOC_FL_KEEP_SIZE;
    /** No way that is known to work. */
    static final int NO_MODE = 0;

    private static final int ZEROES_BYTES = 256 * 1024;
    private static final int PAGE_BYTES = 4096;

    /** What zeroes are written from; only those who have to write them make it. */
    private static final class Zeroes {
        static final MemorySegment SEGMENT = Arena.global().allocate(ZEROES_BYTES, PAGE_BYTES);
    }

    private final int fd;
    private final boolean device;
    /** What offsets and lengths are multiples of where the kernel refuses others; 1 where it refuses none. */
    private final int discardUnit;
    private final int writeUnit;

    /** Learned from the kernel's first refusal; a race costs another one. */
    private volatile boolean cannotPunch;
    private volatile boolean cannotZero;

    /**
     * @param device      whether it is a block device
     * @param logicalUnit what a device's ranges are multiples of; 1 for a file
     * @param directUnit  what O_DIRECT writes multiples of, or 1
     */
    FileRanges(int fd, boolean device, int logicalUnit, int directUnit) {
        this.fd = fd;
        this.device = device;
        this.discardUnit = Math.max(logicalUnit, directUnit);
        this.writeUnit = directUnit;
    }

    /** The start of what a request is about, as the kernel takes it. */
    long start(BlockIo io) {
        return io.operation() == Operation.DISCARD ? roundUp(io.offset()) : io.offset();
    }

    /** How many bytes that is: none where a discard is of less than the file can give back. */
    long byteCount(BlockIo io) {
        long end = io.offset() + io.byteCount();
        return io.operation() == Operation.DISCARD ? Math.max(0, roundDown(end) - start(io)) : io.byteCount();
    }

    private long roundUp(long offset) {
        return roundDown(offset + discardUnit - 1);
    }

    private long roundDown(long offset) {
        return offset & -discardUnit;
    }

    /**
     * The fallocate(2) that does all of what is asked for, for those who can have the kernel do it without waiting;
     * {@link #NO_MODE} where it takes more than that.
     */
    int fallocateMode(Operation operation, boolean mayUnmap) {
        if (device) {
            return NO_MODE;
        }
        if (operation == Operation.DISCARD) {
            return cannotPunch ? NO_MODE : PUNCH;
        }
        return mayUnmap && !cannotPunch ? PUNCH : cannotZero ? NO_MODE : ZERO;
    }

    /** Whether zeroes that were made as {@code io} wanted them gave the file's storage back. A device does not say. */
    boolean unmapped(BlockIo io) {
        return !device && io.mayUnmap() && !cannotPunch;
    }

    /** Takes note of the refusal of a mode. */
    void cannot(int fallocateMode) {
        if (fallocateMode == PUNCH) {
            cannotPunch = true;
        } else if (fallocateMode == ZERO) {
            cannotZero = true;
        }
    }

    /** Whether this is how the kernel says that a file or device is not of the kind that can. */
    static boolean isRefusal(int result) {
        return result == -Errno.EOPNOTSUPP || result == -Errno.ENOSYS || result == -Errno.ENOTTY
            || result == -Errno.ENODEV;
    }

    /** Gives a range back, rounded already: how many bytes of it were given back, or −errno. */
    long discard(long offset, long byteCount) {
        if (byteCount == 0) {
            return 0;
        }
        int result;
        if (device) {
            result = Storage.discard(fd, offset, byteCount);
        } else {
            result = cannotPunch ? -Errno.EOPNOTSUPP : fallocate(PUNCH, offset, byteCount);
        }
        return result == 0 ? byteCount : isRefusal(result) ? 0 : result;
    }

    /** Zeroes a range: its length, or −errno. */
    long writeZeroes(long offset, long byteCount, boolean mayUnmap) {
        int result = -Errno.EOPNOTSUPP;
        if (mayUnmap && !cannotPunch) {
            result = fallocate(PUNCH, offset, byteCount);
        }
        if (isUndone(result) && !cannotZero) {
            result = device ? zeroOut(offset, byteCount) : fallocate(ZERO, offset, byteCount);
        }
        if (isUndone(result)) {
            result = write(offset, byteCount);
        }
        return result == 0 ? byteCount : result;
    }

    /** A device refuses parts of its blocks with EINVAL; writing does those. */
    private boolean isUndone(int result) {
        return isRefusal(result) || device && result == -Errno.EINVAL;
    }

    private int fallocate(int mode, long offset, long byteCount) {
        int result = FileIo.fallocate(fd, mode, offset, byteCount);
        if (isRefusal(result)) {
            cannot(mode);
        }
        return result;
    }

    private int zeroOut(long offset, long byteCount) {
        int result = Storage.zeroOut(fd, offset, byteCount);
        if (isRefusal(result)) {
            cannotZero = true;
        }
        return result;
    }

    /** The way that is left: whole units as they are, and the odd ends read, changed and written. */
    private int write(long offset, long byteCount) {
        long end = offset + byteCount;
        long firstUnit = offset + writeUnit - 1 & -writeUnit;
        long lastUnit = end & -writeUnit;
        if (firstUnit > lastUnit) {
            return writePart(offset, end);
        }
        int result = firstUnit > offset ? writePart(offset, firstUnit) : 0;
        if (result == 0) {
            result = writeUnits(firstUnit, lastUnit);
        }
        if (result == 0 && end > lastUnit) {
            result = writePart(lastUnit, end);
        }
        return result;
    }

    private int writeUnits(long start, long end) {
        for (long at = start; at < end; ) {
            long written = FileIo.pwrite(fd, Zeroes.SEGMENT.address(), Math.min(ZEROES_BYTES, end - at), at);
            if (written < 0) {
                return (int) written;
            }
            at += written;
        }
        return 0;
    }

    /** Within one unit, of which no other part is being written: {@link AlignedLink} sees to that. */
    private int writePart(long start, long end) {
        long unit = start & -writeUnit;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(writeUnit, writeUnit);
            long read = FileIo.pread(fd, buffer, unit);
            if (read != writeUnit) {
                return read < 0 ? (int) read : -Errno.EIO;
            }
            buffer.asSlice(start - unit, end - start).fill((byte) 0);
            long written = FileIo.pwrite(fd, buffer, unit);
            return written < 0 ? (int) written : written == writeUnit ? 0 : -Errno.EIO;
        }
    }
}
