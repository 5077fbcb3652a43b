// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhostuser;

import static dev.miraflores.devices.vhostuser.MessageLayout.U16;
import static dev.miraflores.devices.vhostuser.MessageLayout.U32;
import static dev.miraflores.devices.vhostuser.MessageLayout.U64;

import java.lang.foreign.MemorySegment;

/**
 * "Inflight description". C's structure has four bytes of padding at its end, which QEMU sends and expects, and others leave out.
 * <pre>  0   u64  mmap size
 *   8   u64  mmap offset
 *   16  u16  num queues
 *   18  u16  queue size </pre>
 */
public record InflightDescription(long mmapSize, long mmapOffset, int queueCount, int queueSize) {

    /** Without the padding. */
    public static final int MIN_BYTES = 20;

    /** With it. */
    public static final int BYTES = 24;

    public static InflightDescription read(Message message) {
        MemorySegment from = message.payload();
        return new InflightDescription(
            from.get(U64, 0), from.get(U64, 8), from.get(U16, 16) & 0xFFFF, from.get(U16, 18) & 0xFFFF);
    }

    public Message write(Message message) {
        MemorySegment to = message.payload();
        to.set(U64, 0, mmapSize);
        to.set(U64, 8, mmapOffset);
        to.set(U16, 16, (short) queueCount);
        to.set(U16, 18, (short) queueSize);
        to.set(U32, 20, 0);
        return message.size(BYTES);
    }
}
