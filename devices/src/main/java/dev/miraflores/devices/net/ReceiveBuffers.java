// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import dev.miraflores.linux.FileIo;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;

/**
 * Buffers that the guest has made available and that wait for a packet, one after the other as one run of bytes. Each element has its
 * iovec in its place from when it is taken on, so that a packet costs no more than those before and behind:
 * <pre>  … used | header | first bytes | element  element  element … | spill | free …
 *                               ^ firstSlot                     ^ endSlot </pre>
 * The run begins with what is copied: the header and the frame's first bytes, {@link #copiedBytes} together. What does not fit into the
 * run goes to the spill.
 * <p>Thread: that of the queue pair.
 */
final class ReceiveBuffers {

    /** Before the first element: header, first bytes. */
    private static final int SLOTS_BEFORE = 2;
    private static final int SLOTS_BEHIND = 1;
    /** Elements that one call takes. */
    static final int MAX_ELEMENTS = FileIo.IOV_MAX - SLOTS_BEFORE - SLOTS_BEHIND;
    /** Elements that are taken on for a packet that has come already. */
    static final int MOST_ELEMENTS = 2 * FileIo.IOV_MAX;
    /** Room for those and the longest chain in addition, and for a while without moving anything. */
    static final int SLOTS = 4 * FileIo.IOV_MAX;

    private final Virtqueue ring;
    private final GuestMemory guest;
    private final NetCounters counters;
    private final PacketMemory memory;
    private final int headerBytes;
    private final long copiedBytes;

    // Elements, by slot.
    private final long[] gpas = new long[SLOTS];
    private final long[] hosts = new long[SLOTS];
    private final long[] lengths = new long[SLOTS];
    private int firstSlot = SLOTS_BEFORE;
    private int endSlot = SLOTS_BEFORE;

    // Chains, from 0 on.
    private final int[] heads;
    private final int[] endSlots;
    private final long[] chainBytes;
    private int chains;

    private long bytes;
    /** The iovecs of the run's beginning leave out what is copied. */
    private boolean cut;

    ReceiveBuffers(Virtqueue ring, GuestMemory guest, NetCounters counters, PacketMemory memory, int headerBytes) {
        this.ring = ring;
        this.guest = guest;
        this.counters = counters;
        this.memory = memory;
        this.headerBytes = headerBytes;
        this.copiedBytes = headerBytes + PacketHash.MAX_BYTES;
        this.heads = new int[ring.size()];
        this.endSlots = new int[ring.size()];
        this.chainBytes = new long[ring.size()];
    }

    /** Bytes in all of them. */
    long bytes() {
        return bytes;
    }

    boolean isEmpty() {
        return chains == 0;
    }

    /** Whether no more is waited for: the driver has no descriptor left, or has given as many elements as the queue has entries. */
    boolean isAll() {
        return chains == ring.size() || endSlot - firstSlot >= ring.size();
    }

    /**
     * Takes buffers until there are {@code wanted} bytes.
     *
     * @param maxElements no more, but for those of one chain
     * @return whether some that are malformed were given back
     */
    boolean fill(long wanted, int maxChains, int maxElements) {
        boolean gaveBack = false;
        for (int i = ring.size(); i > 0 && bytes < wanted && chains < maxChains && endSlot - firstSlot < maxElements; i--) {
            DescriptorChain chain = ring.popChain();
            if (chain == null) {
                break;
            }
            if (isUsable(chain)) {
                append(chain);
            } else {
                ring.addUsed(chain.head(), 0);
                gaveBack = true;
            }
        }
        return gaveBack;
    }

    private boolean isUsable(DescriptorChain chain) {
        if (chain.fault() != null) {
            counters.malformed(chain.fault());
        } else if (chain.readableCount() != 0) {
            counters.malformed(NetFault.WRONG_DIRECTION);
        } else if (chain.writableBytes() < headerBytes) {
            counters.malformed(NetFault.HEADER_TOO_SHORT);
        } else {
            return true;
        }
        return false;
    }

    private void append(DescriptorChain chain) {
        if (endSlot + chain.count() + SLOTS_BEHIND > SLOTS) {
            moveToFront();
        }
        for (int i = 0; i < chain.count(); i++) {
            gpas[endSlot] = chain.address(i);
            hosts[endSlot] = chain.hostAddress(i);
            lengths[endSlot] = chain.length(i);
            memory.putIovec(endSlot, hosts[endSlot], lengths[endSlot]);
            endSlot++;
        }
        heads[chains] = chain.head();
        endSlots[chains] = endSlot;
        chainBytes[chains] = chain.writableBytes();
        bytes += chain.writableBytes();
        chains++;
    }

    private void moveToFront() {
        int distance = firstSlot - SLOTS_BEFORE;
        int count = endSlot - firstSlot;
        System.arraycopy(gpas, firstSlot, gpas, SLOTS_BEFORE, count);
        System.arraycopy(hosts, firstSlot, hosts, SLOTS_BEFORE, count);
        System.arraycopy(lengths, firstSlot, lengths, SLOTS_BEFORE, count);
        MemorySegment.copy(memory.iovecs, (long) firstSlot * FileIo.IOVEC_BYTES,
            memory.iovecs, (long) SLOTS_BEFORE * FileIo.IOVEC_BYTES, (long) count * FileIo.IOVEC_BYTES);
        firstSlot = SLOTS_BEFORE;
        endSlot -= distance;
        for (int i = 0; i < chains; i++) {
            endSlots[i] -= distance;
        }
    }

    /** Whether a packet can be received right into them. */
    boolean isOneCall() {
        return endSlot - firstSlot <= MAX_ELEMENTS;
    }

    /** Describes header, first bytes, what there is of the run behind them, and the spill, by iovecs: their number. */
    int describe() {
        if (!cut) {
            cutBeginning();
        }
        memory.putIovec(firstSlot - 2, memory.headerAddress(), NetHeader.BYTES);
        memory.putIovec(firstSlot - 1, memory.frameAddress(), PacketHash.MAX_BYTES);
        memory.putIovec(endSlot, memory.frameAddress() + PacketHash.MAX_BYTES, NetHeader.MAX_FRAME_BYTES);
        return SLOTS_BEFORE + endSlot - firstSlot + SLOTS_BEHIND;
    }

    /** Where the iovecs of {@link #describe} begin. */
    long iovecAddress() {
        return memory.iovecAddress(firstSlot - SLOTS_BEFORE);
    }

    /** Bytes of a frame that {@link #describe} has a place for in the run. */
    long room() {
        return Math.max(0, bytes - copiedBytes);
    }

    private void cutBeginning() {
        long left = copiedBytes;
        for (int slot = firstSlot; slot < endSlot && left > 0; slot++) {
            long part = Math.min(left, lengths[slot]);
            memory.putIovec(slot, hosts[slot] + part, lengths[slot] - part);
            left -= part;
        }
        cut = left == 0;
    }

    /** How many buffers {@code byteSize} bytes take, of which there are so many. */
    int countFor(long byteSize) {
        int count = 0;
        for (long covered = 0; covered < byteSize; count++) {
            covered += chainBytes[count];
        }
        return count;
    }

    /** Copies {@code byteSize} bytes of our own into the run, from {@code runOffset} on. */
    void write(long runOffset, MemorySegment from, long fromOffset, long byteSize) {
        long skip = runOffset;
        long done = 0;
        for (int slot = firstSlot; done < byteSize; slot++) {
            long length = lengths[slot];
            if (skip < length) {
                long part = Math.min(byteSize - done, length - skip);
                GuestMemoryRegion region = guest.find(gpas[slot], length);
                MemorySegment.copy(from, fromOffset + done, region.segment(), gpas[slot] + skip - region.gpa(), part);
                done += part;
                skip = 0;
            } else {
                skip -= length;
            }
        }
    }

    /** Gives the first buffers back, with {@code byteSize} bytes written from the run's beginning on. */
    void use(int count, long byteSize) {
        long left = byteSize;
        for (int i = 0; i < count; i++) {
            long written = Math.min(left, chainBytes[i]);
            ring.addUsed(heads[i], (int) written);
            left -= written;
            bytes -= chainBytes[i];
        }
        firstSlot = endSlots[count - 1];
        chains -= count;
        System.arraycopy(heads, count, heads, 0, chains);
        System.arraycopy(endSlots, count, endSlots, 0, chains);
        System.arraycopy(chainBytes, count, chainBytes, 0, chains);
        cut = false;
        if (chains == 0) {
            firstSlot = SLOTS_BEFORE;
            endSlot = SLOTS_BEFORE;
        }
    }
}
