// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.linux.FileIo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Memory of this process's own for the packet that a queue has in hand, and the iovecs that describe it.
 * <pre>  0    header, 20 bytes used at most
 *  32    frame: its first bytes, or all of it
 *        iovecs </pre>
 * <p>Thread: that of the queue pair.
 * <p>Lifetime: as long as something of the pair's refers to it.
 */
final class PacketMemory {

    static final long HEADER = 0;
    static final long FRAME = 32;

    private static final long FRAME_END = FRAME + PacketHash.MAX_BYTES + NetHeader.MAX_FRAME_BYTES;
    private static final long IOVECS = FRAME_END + FileIo.IOVEC_BYTES & -FileIo.IOVEC_BYTES;

    final MemorySegment bytes;
    /** 16 bytes for each. */
    final MemorySegment iovecs;
    private final long headerAddress;
    private final long frameAddress;

    /** @param iovecCount places for iovecs */
    PacketMemory(int iovecCount) {
        long iovecBytes = (long) iovecCount * FileIo.IOVEC_BYTES;
        MemorySegment all = Arena.ofAuto().allocate(IOVECS + iovecBytes, FileIo.IOVEC_BYTES);
        bytes = all.asSlice(0, FRAME_END);
        iovecs = all.asSlice(IOVECS, iovecBytes);
        headerAddress = all.address() + HEADER;
        frameAddress = all.address() + FRAME;
    }

    /** Where the header is in this process. */
    long headerAddress() {
        return headerAddress;
    }

    /** Where the frame is in this process. */
    long frameAddress() {
        return frameAddress;
    }

    long iovecAddress(int index) {
        return iovecs.address() + (long) index * FileIo.IOVEC_BYTES;
    }

    void putIovec(int index, long address, long byteSize) {
        long at = (long) index * FileIo.IOVEC_BYTES;
        iovecs.set(ValueLayout.JAVA_LONG, at, address);
        iovecs.set(ValueLayout.JAVA_LONG, at + Long.BYTES, byteSize);
    }
}
