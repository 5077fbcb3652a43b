// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory that requests' buffers lie in, guest RAM as a rule: for registering it with the kernel, and for getting at
 * a buffer's bytes from its address.
 * <p>Thread: any; never changes.
 * <p>Lifetime: as long as the segments, which must outlive every link that was given this.
 */
public final class IoMemory {

    /** No memory at all: nothing is registered, and no buffer's bytes can be got at. */
    public static final IoMemory NONE = new IoMemory(List.of());

    /** The kernel registers no larger buffer (io_uring_register(2), IORING_REGISTER_BUFFERS). */
    private static final long MAX_PART_BYTES = 1L << 30;

    private final MemorySegment[] parts;
    private final long[] addresses;
    private final long[] lengths;

    private IoMemory(List<MemorySegment> segments) {
        List<MemorySegment> split = new ArrayList<>();
        for (MemorySegment segment : segments) {
            for (long offset = 0; offset < segment.byteSize(); offset += MAX_PART_BYTES) {
                split.add(segment.asSlice(offset, Math.min(MAX_PART_BYTES, segment.byteSize() - offset)));
            }
        }
        parts = split.toArray(new MemorySegment[0]);
        addresses = new long[parts.length];
        lengths = new long[parts.length];
        for (int i = 0; i < parts.length; i++) {
            addresses[i] = parts[i].address();
            lengths[i] = parts[i].byteSize();
        }
    }

    /** Memory made of native segments. */
    public static IoMemory of(List<MemorySegment> segments) {
        return new IoMemory(segments);
    }

    /** How many parts there are, of at most 1 GiB each. */
    int partCount() {
        return parts.length;
    }

    long partAddress(int part) {
        return addresses[part];
    }

    long partLength(int part) {
        return lengths[part];
    }

    /** The part that all of a buffer lies in, or −1. */
    int find(long address, long length) {
        for (int i = 0; i < addresses.length; i++) {
            long offset = address - addresses[i];
            if (offset >= 0 && offset <= lengths[i] - length) {
                return i;
            }
        }
        return -1;
    }

    /** Copies {@code length} bytes from {@code address}, which may go over from one part into the next. */
    void read(long address, MemorySegment into, long intoOffset, long length) {
        for (long done = 0; done < length; ) {
            int part = find(address + done, 1);
            long offset = address + done - addresses[checkPart(part, address)];
            long count = Math.min(length - done, lengths[part] - offset);
            MemorySegment.copy(parts[part], offset, into, intoOffset + done, count);
            done += count;
        }
    }

    /** Copies {@code length} bytes to {@code address}, as {@link #read}. */
    void write(long address, MemorySegment from, long fromOffset, long length) {
        for (long done = 0; done < length; ) {
            int part = find(address + done, 1);
            long offset = address + done - addresses[checkPart(part, address)];
            long count = Math.min(length - done, lengths[part] - offset);
            MemorySegment.copy(from, fromOffset + done, parts[part], offset, count);
            done += count;
        }
    }

    private static int checkPart(int part, long address) {
        if (part < 0) {
            throw new IllegalStateException("buffer at 0x" + Long.toHexString(address) + " is in no memory of this link");
        }
        return part;
    }
}
