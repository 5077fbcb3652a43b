// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;

/**
 * Follows a split queue's chain through its descriptor table and on into an indirect table, checking each step.
 * <p>The driver may be changing descriptors meanwhile: every descriptor is read once, in two loads, and what those
 * loads gave is checked and used.
 * <p>Source: virtio 1.3 §2.7.5.
 */
final class ChainWalker {

    /** {@code next} has 16 bits: an entry from here on cannot be reached (§2.7.5). */
    private static final int MAX_INDIRECT_ENTRIES = 65536;

    private final GuestMemory memory;
    private final DescriptorChain chain;
    private final MemorySegment table;
    private final int size;
    private final boolean indirectNegotiated;

    ChainWalker(GuestMemory memory, DescriptorChain chain, MemorySegment table, int size, boolean indirectNegotiated) {
        this.memory = memory;
        this.chain = chain;
        this.table = table;
        this.size = size;
        this.indirectNegotiated = indirectNegotiated;
    }

    /** Makes {@link #chain} the one that starts at {@code head}, which is in the table; its fault says how it went. */
    void walk(int head) {
        chain.start(head);
        int index = head;
        while (true) {
            long offset = (long) index << DescriptorLayout.SHIFT;
            long addr = (long) GuestAccess.U64.getOpaque(table, offset);
            long lenFlagsNext = (long) GuestAccess.U64.getOpaque(table, offset + DescriptorLayout.LEN_FLAGS_NEXT_OFFSET);
            int flags = DescriptorLayout.flags(lenFlagsNext);
            if ((flags & DescriptorLayout.INDIRECT) != 0) {
                walkIndirect(addr, DescriptorLayout.length(lenFlagsNext), flags);
                return;
            }
            if (!chain.append(addr, DescriptorLayout.length(lenFlagsNext), (flags & DescriptorLayout.WRITE) != 0)
                || (flags & DescriptorLayout.NEXT) == 0) {
                return;
            }
            index = DescriptorLayout.next(lenFlagsNext);
            if (index >= size) {
                chain.fail(DriverFault.NEXT_OUT_OF_RANGE);
                return;
            }
        }
    }

    /** The chain goes on in a table of its own, and ends there. WRITE in the referring descriptor means nothing. */
    private void walkIndirect(long tableGpa, long tableBytes, int flags) {
        if (!indirectNegotiated) {
            chain.fail(DriverFault.INDIRECT_NOT_NEGOTIATED);
            return;
        }
        if ((flags & DescriptorLayout.NEXT) != 0) {
            chain.fail(DriverFault.INDIRECT_WITH_NEXT);
            return;
        }
        long entries = tableBytes >>> DescriptorLayout.SHIFT;
        if (entries == 0 || entries > MAX_INDIRECT_ENTRIES || tableBytes % DescriptorLayout.BYTES != 0) {
            chain.fail(DriverFault.INDIRECT_LENGTH_INVALID);
            return;
        }
        GuestMemoryRegion region = memory.find(tableGpa, tableBytes);
        if (region == null) {
            chain.fail(DriverFault.INDIRECT_OUTSIDE_MEMORY);
            return;
        }
        followIndirect(region.segment(), tableGpa - region.gpa(), (int) entries);
    }

    private void followIndirect(MemorySegment memory, long tableOffset, int entries) {
        int index = 0;
        while (true) {
            long offset = tableOffset + ((long) index << DescriptorLayout.SHIFT);
            long addr = GuestAccess.loadLongOpaque(memory, offset);
            long lenFlagsNext = GuestAccess.loadLongOpaque(memory, offset + DescriptorLayout.LEN_FLAGS_NEXT_OFFSET);
            int flags = DescriptorLayout.flags(lenFlagsNext);
            if ((flags & DescriptorLayout.INDIRECT) != 0) {
                chain.fail(DriverFault.INDIRECT_IN_INDIRECT);
                return;
            }
            if (!chain.append(addr, DescriptorLayout.length(lenFlagsNext), (flags & DescriptorLayout.WRITE) != 0)
                || (flags & DescriptorLayout.NEXT) == 0) {
                return;
            }
            index = DescriptorLayout.next(lenFlagsNext);
            if (index >= entries) {
                chain.fail(DriverFault.NEXT_OUT_OF_RANGE);
                return;
            }
        }
    }
}
