// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.GuestAccess.LONG;
import static dev.miraflores.virtio.ring.GuestAccess.U16;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * Driver side of a split virtqueue. An id is the index of the chain's first descriptor.
 * <p>Which descriptors are free and how chains hang together is kept on this side, out of the device's reach.
 * <p>Source: virtio 1.3 §2.7.13, §2.7.14.
 */
public final class SplitVirtqueueDriver extends VirtqueueDriver {

    private final MemorySegment descriptors;
    private final MemorySegment avail;
    private final MemorySegment used;
    private final int ringMask;
    private final long usedEventOffset;
    private final long availEventOffset;

    /** The descriptor after this one, in its chain or among the free. */
    private final int[] following;
    /** Descriptors in the chain that starts here; 0 where none in flight does. */
    private final int[] chainLength;
    private int firstFree;
    private int lastFree;
    private int freeDescriptors;

    private long addedCount;
    private long publishedCount;
    private long notifiedCount;
    private long seenUsedCount;

    SplitVirtqueueDriver(GuestMemory memory, QueueGeometry geometry, long features, int position) {
        super(memory, geometry, features);
        this.descriptors = part(geometry.descGpa(), (long) DescriptorLayout.BYTES * size);
        this.avail = part(geometry.driverGpa(), AvailRingLayout.byteSize(size));
        this.used = part(geometry.deviceGpa(), UsedRingLayout.byteSize(size));
        this.ringMask = size - 1;
        this.usedEventOffset = AvailRingLayout.usedEventOffset(size);
        this.availEventOffset = UsedRingLayout.availEventOffset(size);
        this.following = new int[size];
        this.chainLength = new int[size];
        for (int i = 0; i < size; i++) {
            following[i] = i + 1;
        }
        following[size - 1] = NONE;
        lastFree = size - 1;
        freeDescriptors = size;
        addedCount = position & 0xFFFF;
        publishedCount = addedCount;
        notifiedCount = addedCount;
        seenUsedCount = addedCount;
        U16.setOpaque(avail, AvailRingLayout.IDX_OFFSET, (short) position);
        U16.setOpaque(avail, usedEventOffset, (short) position);
        U16.setOpaque(used, UsedRingLayout.IDX_OFFSET, (short) position);
        U16.setRelease(used, availEventOffset, (short) position);
    }

    @Override
    public int freeDescriptors() {
        return freeDescriptors;
    }

    @Override
    public int inFlight() {
        return (int) (addedCount - seenUsedCount);
    }

    @Override
    public int add(BufferElements elements) {
        int count = elements.count();
        if (count == 0) {
            throw new IllegalArgumentException("a buffer has at least one element");
        }
        if (count > freeDescriptors) {
            return NONE;
        }
        int head = firstFree;
        int index = head;
        int last = head;
        for (int i = 0; i < count; i++) {
            boolean more = i + 1 < count;
            int flags = (elements.isWritable(i) ? DescriptorLayout.WRITE : 0) | (more ? DescriptorLayout.NEXT : 0);
            store(descriptors, index, elements.gpa(i), elements.byteSize(i), flags, more ? following[index] : 0);
            last = index;
            index = following[index];
        }
        return added(expose(head, last, count), elements);
    }

    @Override
    public int addIndirect(BufferElements elements, long tableGpa) {
        MemorySegment table = indirectTable(elements, tableGpa);
        if (freeDescriptors == 0) {
            return NONE;
        }
        int count = elements.count();
        for (int i = 0; i < count; i++) {
            boolean more = i + 1 < count;
            int flags = (elements.isWritable(i) ? DescriptorLayout.WRITE : 0) | (more ? DescriptorLayout.NEXT : 0);
            store(table, i, elements.gpa(i), elements.byteSize(i), flags, more ? i + 1 : 0);
        }
        int head = firstFree;
        store(descriptors, head, tableGpa, (long) DescriptorLayout.BYTES * count, DescriptorLayout.INDIRECT, 0);
        return added(expose(head, head, 1), elements);
    }

    private static void store(MemorySegment table, int index, long gpa, long byteSize, int flags, int next) {
        long offset = (long) index << DescriptorLayout.SHIFT;
        table.set(LONG, offset, gpa);
        table.set(LONG, offset + DescriptorLayout.LEN_FLAGS_NEXT_OFFSET, DescriptorLayout.pack(byteSize, flags, next));
    }

    private int expose(int head, int last, int count) {
        firstFree = following[last];
        following[last] = NONE;
        freeDescriptors -= count;
        chainLength[head] = count;
        U16.setOpaque(avail, AvailRingLayout.entryOffset((int) addedCount & ringMask), (short) head);
        addedCount++;
        return head;
    }

    @Override
    public void publish() {
        if (publishedCount != addedCount) {
            // Release: descriptors, tables and heads are visible before the idx that exposes them (§2.7.13.3.1).
            U16.setRelease(avail, AvailRingLayout.IDX_OFFSET, (short) addedCount);
            publishedCount = addedCount;
        }
    }

    @Override
    public boolean needsNotification() {
        publish();
        long published = addedCount - notifiedCount;
        if (published == 0) {
            return false;
        }
        notifiedCount = addedCount;
        // Store of the idx above, then load below; weaker, and a device about to sleep is not woken (§2.7.13.4.1).
        VarHandle.fullFence();
        if (eventIdx) {
            int availEvent = (short) U16.getOpaque(used, availEventOffset) & 0xFFFF;
            return (((int) addedCount - 1 - availEvent) & 0xFFFF) < published;
        }
        return ((short) U16.getOpaque(used, UsedRingLayout.FLAGS_OFFSET) & UsedRingLayout.NO_NOTIFY) == 0;
    }

    @Override
    int peekUsed() {
        // Acquire: the element, and the bytes the device wrote, are read after the idx that reports them (§2.7.14).
        int usedIdx = (short) U16.getAcquire(used, UsedRingLayout.IDX_OFFSET) & 0xFFFF;
        if (usedIdx == ((int) seenUsedCount & 0xFFFF)) {
            return NONE;
        }
        long element = used.get(LONG, UsedRingLayout.entryOffset((int) seenUsedCount & ringMask));
        int id = (int) element;
        if (id < 0 || id >= size || chainLength[id] == 0) {
            throw new IllegalStateException("device used id " + Integer.toUnsignedString(id) + ", which is not in flight");
        }
        usedBytes = element >>> 32;
        return id;
    }

    @Override
    void takeUsed(int head) {
        seenUsedCount++;
        int last = head;
        for (int i = 1; i < chainLength[head]; i++) {
            last = following[last];
        }
        freeDescriptors += chainLength[head];
        chainLength[head] = 0;
        if (order == null) {
            following[last] = firstFree;
            firstFree = head;
        } else {
            // Behind the others, so that descriptors are taken in ring order (§2.7.9).
            following[last] = NONE;
            if (firstFree == NONE) {
                firstFree = head;
            } else {
                following[lastFree] = head;
            }
            lastFree = last;
        }
    }

    @Override
    public void disableNotifications() {
        // With EVENT_IDX flags stay 0 (§2.7.7.1), and an event that has been passed asks for nothing.
        if (!eventIdx) {
            U16.setOpaque(avail, AvailRingLayout.FLAGS_OFFSET, AvailRingLayout.NO_INTERRUPT);
        }
    }

    @Override
    public boolean enableNotifications(int buffers) {
        int wanted = eventIdx && order == null ? buffers : 1;
        if (eventIdx) {
            U16.setOpaque(avail, usedEventOffset, (short) (seenUsedCount + wanted - 1));
        } else {
            U16.setOpaque(avail, AvailRingLayout.FLAGS_OFFSET, (short) 0);
        }
        // Store above, then load below; weaker, and a buffer used in between is never notified of (§2.7.14).
        VarHandle.fullFence();
        int usedIdx = (short) U16.getAcquire(used, UsedRingLayout.IDX_OFFSET) & 0xFFFF;
        return ((usedIdx - (int) seenUsedCount) & 0xFFFF) >= wanted;
    }
}
