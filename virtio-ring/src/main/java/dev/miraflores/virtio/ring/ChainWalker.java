// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.GuestAccess.LONG;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;

/**
 * Follows a split queue's chain through its descriptor table and on into an indirect table, checking each step.
 * <p>The driver may be changing descriptors meanwhile. Each is read in two loads, once, and what those gave is checked
 * and used. Plain loads do: the acquire of the avail idx comes before them, and a local keeps the value of one load
 * (JLS §17.4; no compiler may load it again, as one for C may).
 * <p>Source: virtio 1.3 §2.7.5.
 */
final class ChainWalker {

    /** {@code next} has 16 bits: an entry from here on cannot be reached (§2.7.5). */
    private static final int MAX_INDIRECT_ENTRIES = 65536;

    private final GuestMemory memory;
    private final DescriptorChain chain;
    private final MemorySegment descriptorTable;
    private final int size;
    private final boolean indirectNegotiated;

    /** The descriptor that refers to an indirect table, as {@link #follow} met it. */
    private long referringGpa;
    private long referringLenFlagsNext;

    ChainWalker(GuestMemory memory, DescriptorChain chain, MemorySegment table, int size, boolean indirectNegotiated) {
        this.memory = memory;
        this.chain = chain;
        this.descriptorTable = table;
        this.size = size;
        this.indirectNegotiated = indirectNegotiated;
    }

    /** Makes the chain the one that starts at {@code head}, which is in the table; its fault says how it went. */
    void walk(int head) {
        chain.start(head);
        if (follow(descriptorTable, 0, size, head, false)) {
            walkIndirect();
        }
    }

    /** The chain goes on in a table of its own, and ends there. WRITE in the referring descriptor means nothing. */
    private void walkIndirect() {
        if (!indirectNegotiated) {
            chain.fail(DriverFault.INDIRECT_NOT_NEGOTIATED);
            return;
        }
        if ((DescriptorLayout.flags(referringLenFlagsNext) & DescriptorLayout.NEXT) != 0) {
            chain.fail(DriverFault.INDIRECT_WITH_NEXT);
            return;
        }
        long tableBytes = DescriptorLayout.length(referringLenFlagsNext);
        long entries = tableBytes >>> DescriptorLayout.SHIFT;
        if (entries == 0 || entries > MAX_INDIRECT_ENTRIES || tableBytes % DescriptorLayout.BYTES != 0) {
            chain.fail(DriverFault.INDIRECT_LENGTH_INVALID);
            return;
        }
        GuestMemoryRegion region = memory.find(referringGpa, tableBytes);
        if (region == null) {
            chain.fail(DriverFault.INDIRECT_OUTSIDE_MEMORY);
            return;
        }
        if (follow(region.segment(), referringGpa - region.gpa(), (int) entries, 0, true)) {
            chain.fail(DriverFault.INDIRECT_IN_INDIRECT);
        }
    }

    /**
     * Follows the chain to its end in one table: the loop that every request goes through. What it counts it keeps in
     * locals, which is worth a third of its time.
     *
     * @param entries  how many the table has; {@code first} is below that
     * @param goesOn   whether the chain has elements from another table already
     * @return whether it ended with a descriptor that refers to an indirect table
     */
    private boolean follow(MemorySegment table, long tableOffset, int entries, int first, boolean goesOn) {
        DescriptorChain chain = this.chain;
        int count = goesOn ? chain.count() : 0;
        int readableCount = goesOn ? chain.readableCount() : 0;
        long readableBytes = goesOn ? chain.readableBytes() : 0;
        long totalBytes = goesOn ? readableBytes + chain.writableBytes() : 0;
        boolean refers = false;
        int index = first;
        long offset = tableOffset + ((long) first << DescriptorLayout.SHIFT);
        while (true) {
            long gpa = table.get(LONG, offset + DescriptorLayout.ADDR_OFFSET);
            long lenFlagsNext = table.get(LONG, offset + DescriptorLayout.LEN_FLAGS_NEXT_OFFSET);
            int flags = DescriptorLayout.flags(lenFlagsNext);
            if ((flags & DescriptorLayout.INDIRECT) != 0) {
                referringGpa = gpa;
                referringLenFlagsNext = lenFlagsNext;
                refers = true;
                break;
            }
            if (count == size) {
                chain.fail(DriverFault.CHAIN_TOO_LONG);
                return false;
            }
            long byteSize = DescriptorLayout.length(lenFlagsNext);
            GuestMemoryRegion region = memory.find(gpa, byteSize);
            if (region == null) {
                chain.fail(DriverFault.BUFFER_OUTSIDE_MEMORY);
                return false;
            }
            chain.put(count, gpa, region.hostAddress() + (gpa - region.gpa()), (int) byteSize);
            totalBytes += byteSize;
            if ((flags & DescriptorLayout.WRITE) == 0) {
                if (count != readableCount) {
                    chain.fail(DriverFault.READABLE_AFTER_WRITABLE);
                    return false;
                }
                readableCount++;
                readableBytes = totalBytes;
            }
            count++;
            if ((flags & DescriptorLayout.NEXT) == 0) {
                break;
            }
            int next = DescriptorLayout.next(lenFlagsNext);
            if (next >= entries) {
                chain.fail(DriverFault.NEXT_OUT_OF_RANGE);
                return false;
            }
            if (next == index + 1) {
                // The common case, apart so that the processor fetches the next descriptor before it knows next.
                index++;
                offset += DescriptorLayout.BYTES;
            } else {
                index = next;
                offset = tableOffset + ((long) next << DescriptorLayout.SHIFT);
            }
        }
        // Here, since it cannot overflow: 32768 times 2^32 at most.
        if (totalBytes > DescriptorChain.MAX_BYTES) {
            chain.fail(DriverFault.CHAIN_TOO_LARGE);
            return false;
        }
        chain.complete(count, readableCount, readableBytes, totalBytes - readableBytes);
        return refers;
    }
}
