// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Guest memory with a split queue in it, and the means to write anything at all into that queue, legal or not.
 * <pre>  0x0_0000   256 KiB: the queue, tables and buffers
 *   0x4_0000   64 KiB: a region that touches the first
 *   0x10_0000  64 KiB: a region on its own </pre>
 */
final class RingFixture implements AutoCloseable {

    static final long DESC_GPA = 0x1000;
    static final long AVAIL_GPA = 0x8000;
    static final long USED_GPA = 0x9000;
    static final long TABLE_GPA = 0xC000;
    static final long BUFFER_GPA = 0x2_0000;
    static final long FIRST_REGION_END = 0x4_0000;
    static final long APART_GPA = 0x10_0000;
    static final long APART_END = 0x11_0000;

    static final long ALL_FEATURES = RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.EVENT_IDX;

    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;

    final GuestMemory memory = GuestMemory.of(List.of(
        GuestMemoryRegion.anonymous(0, FIRST_REGION_END),
        GuestMemoryRegion.anonymous(FIRST_REGION_END, 0x1_0000),
        GuestMemoryRegion.anonymous(APART_GPA, 0x1_0000)));
    final MemorySegment low = memory.slice(0, FIRST_REGION_END);
    final QueueGeometry geometry;
    final int size;
    private int availIdx;

    RingFixture(int size) {
        this.size = size;
        this.geometry = new QueueGeometry(size, DESC_GPA, AVAIL_GPA, USED_GPA);
    }

    Virtqueue device() {
        return device(ALL_FEATURES);
    }

    Virtqueue device(long features) {
        return Virtqueue.create(memory, geometry, features);
    }

    void descriptor(int index, long gpa, long length, int flags, int next) {
        descriptorAt(DESC_GPA + 16L * index, gpa, length, flags, next);
    }

    void tableEntry(int index, long gpa, long length, int flags, int next) {
        descriptorAt(TABLE_GPA + 16L * index, gpa, length, flags, next);
    }

    void descriptorAt(long at, long gpa, long length, int flags, int next) {
        low.set(GuestAccess.LONG, at, gpa);
        low.set(GuestAccess.INT, at + 8, (int) length);
        low.set(GuestAccess.SHORT, at + 12, (short) flags);
        low.set(GuestAccess.SHORT, at + 14, (short) next);
    }

    /** Puts {@code head} into the available ring and moves the idx on. */
    void expose(int head) {
        low.set(GuestAccess.SHORT, AVAIL_GPA + 4 + 2L * (availIdx % size), (short) head);
        setAvailIdx(availIdx + 1);
    }

    void setAvailIdx(int idx) {
        availIdx = idx & 0xFFFF;
        GuestAccess.U16.setRelease(low, AVAIL_GPA + 2, (short) idx);
    }

    void setAvailFlags(int flags) {
        low.set(GuestAccess.SHORT, AVAIL_GPA, (short) flags);
    }

    void setUsedEvent(int idx) {
        low.set(GuestAccess.SHORT, AVAIL_GPA + 4 + 2L * size, (short) idx);
    }

    int usedFlags() {
        return low.get(GuestAccess.SHORT, USED_GPA) & 0xFFFF;
    }

    int usedIdx() {
        return low.get(GuestAccess.SHORT, USED_GPA + 2) & 0xFFFF;
    }

    int usedId(int ringIndex) {
        return low.get(GuestAccess.INT, USED_GPA + 4 + 8L * ringIndex);
    }

    int usedLength(int ringIndex) {
        return low.get(GuestAccess.INT, USED_GPA + 8 + 8L * ringIndex);
    }

    int availEvent() {
        return low.get(GuestAccess.SHORT, USED_GPA + 4 + 8L * size) & 0xFFFF;
    }

    /** What a chain is made of, to compare with. */
    static List<Element> elementsOf(DescriptorChain chain) {
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < chain.count(); i++) {
            elements.add(new Element(chain.address(i), chain.length(i), chain.isWritable(i)));
        }
        return elements;
    }

    record Element(long gpa, long byteSize, boolean writable) {
    }

    @Override
    public void close() {
        memory.close();
    }
}
