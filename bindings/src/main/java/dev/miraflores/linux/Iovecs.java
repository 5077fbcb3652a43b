// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Arrays of {@code struct iovec} as a call is given them, for who does with them here what readv(2) and writev(2) do in the kernel.
 * The caller vouches for the array and for all that it points at, as with those.
 * <pre>  0   le64   iov_base
 *   8   le64   iov_len </pre>
 *
 * <p>Thread: any.
 */
public final class Iovecs {
    private static final long LENGTH = 8;

    // What an iovec says is an address, and it may be any.
    @SuppressWarnings("restricted")
    private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    /** To copy from, which makes no object, as a slice to fill would. */
    private static final MemorySegment ZEROES = Arena.global().allocate(64);

    private Iovecs() {}

    /** How many bytes {@code count} iovecs from {@code first} on point at. */
    public static long byteSize(long iovecs, int first, int count) {
        long sum = 0;
        for (int i = first; i < first + count; i++) {
            sum += length(iovecs, i);
        }
        return sum;
    }

    private static long base(long iovecs, int index) {
        return ALL.get(ValueLayout.JAVA_LONG, iovecs + (long) index * FileIo.IOVEC_BYTES);
    }

    private static long length(long iovecs, int index) {
        return ALL.get(ValueLayout.JAVA_LONG, iovecs + (long) index * FileIo.IOVEC_BYTES + LENGTH);
    }

    /** Copies the array itself. */
    public static void copyArray(long iovecs, int first, int count, MemorySegment into, long offset) {
        MemorySegment.copy(ALL, iovecs + (long) first * FileIo.IOVEC_BYTES, into, offset, (long) count * FileIo.IOVEC_BYTES);
    }

    /** Writes {@code byteSize} zeroes to where the iovec at {@code index} points. */
    public static void clear(long iovecs, int index, long byteSize) {
        if (byteSize > length(iovecs, index)) {
            throw new IndexOutOfBoundsException(byteSize + " bytes of an iovec of " + length(iovecs, index));
        }
        long to = base(iovecs, index);
        for (long done = 0; done < byteSize; done += ZEROES.byteSize()) {
            MemorySegment.copy(ZEROES, 0, ALL, to + done, Math.min(byteSize - done, ZEROES.byteSize()));
        }
    }

    /**
     * Copies bytes to where {@code count} iovecs from {@code first} on point, as readv(2) does.
     *
     * @return how many; fewer than {@code byteSize} where there was no room
     */
    public static long scatter(MemorySegment from, long offset, long byteSize, long iovecs, int first, int count) {
        long done = 0;
        for (int i = first; i < first + count && done < byteSize; i++) {
            long bytes = Math.min(length(iovecs, i), byteSize - done);
            MemorySegment.copy(from, offset + done, ALL, base(iovecs, i), bytes);
            done += bytes;
        }
        return done;
    }

    /**
     * Copies all bytes that {@code count} iovecs from {@code first} on point at, but for the first {@code skip}, as writev(2) does.
     *
     * @return how many
     */
    public static long gather(long iovecs, int first, int count, long skip, MemorySegment into, long offset) {
        long done = 0;
        long left = skip;
        for (int i = first; i < first + count; i++) {
            long length = length(iovecs, i);
            long passed = Math.min(left, length);
            left -= passed;
            MemorySegment.copy(ALL, base(iovecs, i) + passed, into, offset + done, length - passed);
            done += length - passed;
        }
        return done;
    }
}
