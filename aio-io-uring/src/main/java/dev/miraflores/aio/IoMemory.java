// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory that requests' buffers lie in, guest RAM as a rule: for registering it with the kernel, part by part, and for
 * getting at a buffer's bytes from its address.
 * <p>Thread: any; never changes.
 * <p>Lifetime: as long as the segments, which must outlive every link that was given this.
 */
public final class IoMemory {

    /** No memory at all: nothing is registered, and no buffer's bytes can be got at. */
    public static final IoMemory NONE = new IoMemory(List.of(), null);

    /** A part is at least a huge page: small enough to be pinned in passing, and 32 GiB take no larger ones. */
    private static final int MIN_PART_SHIFT = 21;
    /** A ring has a table of no more buffers (io_uring_register(2), IORING_REGISTER_BUFFERS2). */
    private static final int MAX_PARTS = 1 << 14;

    /** What this was made of, with more beside it; or this. */
    private final IoMemory origin;
    private final MemorySegment[] segments;
    private final long[] addresses;
    private final long[] lengths;
    /** Each segment is cut into parts at multiples of 2 to this from its start; they are numbered throughout. */
    private final int partShift;
    private final int[] firstParts;
    private final int partCount;

    private IoMemory(List<MemorySegment> list, IoMemory from) {
        origin = from == null ? this : from;
        segments = list.toArray(new MemorySegment[0]);
        addresses = new long[segments.length];
        lengths = new long[segments.length];
        firstParts = new int[segments.length];
        for (int i = 0; i < segments.length; i++) {
            addresses[i] = segments[i].address();
            lengths[i] = segments[i].byteSize();
        }
        int shift = MIN_PART_SHIFT;
        while (countParts(shift) > MAX_PARTS) {
            shift++;
        }
        partShift = shift;
        int parts = 0;
        for (int i = 0; i < segments.length; i++) {
            firstParts[i] = parts;
            parts += (int) partsOf(i, shift);
        }
        partCount = parts;
    }

    private long countParts(int shift) {
        long sum = 0;
        for (int i = 0; i < segments.length; i++) {
            sum += partsOf(i, shift);
        }
        return sum;
    }

    private long partsOf(int segment, int shift) {
        return (lengths[segment] + (1L << shift) - 1) >>> shift;
    }

    /** Memory made of native segments. */
    public static IoMemory of(List<MemorySegment> segments) {
        return new IoMemory(segments, null);
    }

    /** The same memory, and {@code more} native memory beside it. */
    public IoMemory plus(MemorySegment more) {
        List<MemorySegment> all = new ArrayList<>(List.of(segments));
        all.add(more);
        return new IoMemory(all, origin);
    }

    /** Whether this is {@code other}, or that with more beside it. */
    boolean has(IoMemory other) {
        return this == other || origin == other;
    }

    /** How many parts there are. */
    int partCount() {
        return partCount;
    }

    /** The part that all of a buffer lies in; −1 where there is none, or more than one. */
    int partOf(long address, long length) {
        for (int i = 0; i < addresses.length; i++) {
            long offset = address - addresses[i];
            if (offset >= 0 && offset <= lengths[i] - length) {
                long part = offset >>> partShift;
                return part == offset + length - 1 >>> partShift ? firstParts[i] + (int) part : -1;
            }
        }
        return -1;
    }

    long partAddress(int part) {
        int segment = segmentOfPart(part);
        return addresses[segment] + ((long) (part - firstParts[segment]) << partShift);
    }

    long partLength(int part) {
        int segment = segmentOfPart(part);
        return Math.min(1L << partShift, addresses[segment] + lengths[segment] - partAddress(part));
    }

    private int segmentOfPart(int part) {
        int segment = segments.length - 1;
        while (part < firstParts[segment]) {
            segment--;
        }
        return segment;
    }

    /**
     * Copies {@code length} bytes from {@code address}, which may go over from one segment into the next.
     *
     * @throws IllegalStateException where some of it is not in this memory
     */
    public void read(long address, MemorySegment into, long intoOffset, long length) {
        for (long done = 0; done < length; ) {
            int i = segmentAt(address + done);
            long offset = address + done - addresses[i];
            long count = Math.min(length - done, lengths[i] - offset);
            MemorySegment.copy(segments[i], offset, into, intoOffset + done, count);
            done += count;
        }
    }

    /** Copies {@code length} bytes to {@code address}, as {@link #read}. */
    public void write(long address, MemorySegment from, long fromOffset, long length) {
        for (long done = 0; done < length; ) {
            int i = segmentAt(address + done);
            long offset = address + done - addresses[i];
            long count = Math.min(length - done, lengths[i] - offset);
            MemorySegment.copy(from, fromOffset + done, segments[i], offset, count);
            done += count;
        }
    }

    /** Makes {@code length} bytes at {@code address} zero, as {@link #read}. */
    public void clear(long address, long length) {
        for (long done = 0; done < length; ) {
            int i = segmentAt(address + done);
            long offset = address + done - addresses[i];
            long count = Math.min(length - done, lengths[i] - offset);
            segments[i].asSlice(offset, count).fill((byte) 0);
            done += count;
        }
    }

    private int segmentAt(long address) {
        for (int i = 0; i < addresses.length; i++) {
            long offset = address - addresses[i];
            if (offset >= 0 && offset < lengths[i]) {
                return i;
            }
        }
        throw new IllegalStateException("buffer at 0x" + Long.toHexString(address) + " is in no memory of this link");
    }
}
