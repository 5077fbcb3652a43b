// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.GuestAccess.INT;
import static dev.miraflores.virtio.ring.GuestAccess.LONG;
import static dev.miraflores.virtio.ring.GuestAccess.SHORT;
import static dev.miraflores.virtio.ring.GuestAccess.U16;
import static dev.miraflores.virtio.ring.GuestAccess.U32;
import static dev.miraflores.virtio.ring.GuestAccess.U64;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * Driver side of a packed virtqueue. Ids are any that are free.
 * <p>Source: virtio 1.3 §2.8.21, §2.8.22.
 */
public final class PackedVirtqueueDriver extends VirtqueueDriver {

    private static final int WRAP_BIT = 1 << 15;

    private final MemorySegment ring;
    private final MemorySegment driverEvent;
    private final MemorySegment deviceEvent;

    /** A stack of ids that no buffer in flight has. */
    private final int[] freeIds;
    private int freeIdCount;
    /** Descriptors of the buffer in flight with this id; 0 where there is none. */
    private final int[] listLength;
    private int freeDescriptors;

    private int availIndex;
    private boolean availWrap;
    private int usedIndex;
    private boolean usedWrap;

    /** The first descriptor not published yet: its flags go last. Below 0 where there is none. */
    private long heldOffset = -1;
    private short heldFlags;
    /** Descriptors made available since the device's wish was last looked at. */
    private long addedSinceAsked;

    PackedVirtqueueDriver(GuestMemory memory, QueueGeometry geometry, long features, int position) {
        super(memory, geometry, features);
        this.ring = part(geometry.descGpa(), (long) PackedDescriptorLayout.BYTES * size);
        this.driverEvent = part(geometry.driverGpa(), EventSuppressionLayout.BYTES);
        this.deviceEvent = part(geometry.deviceGpa(), EventSuppressionLayout.BYTES);
        this.listLength = new int[size];
        this.freeIds = new int[size];
        for (int i = 0; i < size; i++) {
            freeIds[i] = size - 1 - i;
        }
        freeIdCount = size;
        freeDescriptors = size;
        availIndex = PackedVirtqueue.indexOf(position, size);
        availWrap = (position & WRAP_BIT) != 0;
        usedIndex = availIndex;
        usedWrap = availWrap;
        for (int i = 0; i < size; i++) {
            // As the device left them: those before the position used in this round, the others in the one before.
            short flags = (short) PackedDescriptorLayout.usedFlags(i < availIndex ? availWrap : !availWrap);
            ring.set(SHORT, descriptorOffset(i) + PackedDescriptorLayout.FLAGS_OFFSET, flags);
        }
    }

    private static long descriptorOffset(int index) {
        return (long) index << PackedDescriptorLayout.SHIFT;
    }

    @Override
    public int freeDescriptors() {
        return freeDescriptors;
    }

    @Override
    public int inFlight() {
        return size - freeIdCount;
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
        int id = takeId(count);
        for (int i = 0; i < count; i++) {
            int flags = (elements.isWritable(i) ? PackedDescriptorLayout.WRITE : 0)
                | (i + 1 < count ? PackedDescriptorLayout.NEXT : 0);
            expose(elements.gpa(i), elements.byteSize(i), id, flags);
        }
        return added(id, elements);
    }

    @Override
    public int addIndirect(BufferElements elements, long tableGpa) {
        MemorySegment table = indirectTable(elements, tableGpa);
        if (freeDescriptors == 0) {
            return NONE;
        }
        int count = elements.count();
        for (int i = 0; i < count; i++) {
            long offset = descriptorOffset(i);
            table.set(LONG, offset + PackedDescriptorLayout.ADDR_OFFSET, elements.gpa(i));
            table.set(LONG, offset + PackedDescriptorLayout.LEN_ID_FLAGS_OFFSET, PackedDescriptorLayout.pack(
                elements.byteSize(i), 0, elements.isWritable(i) ? PackedDescriptorLayout.WRITE : 0));
        }
        int id = takeId(1);
        expose(tableGpa, (long) PackedDescriptorLayout.BYTES * count, id, PackedDescriptorLayout.INDIRECT);
        return added(id, elements);
    }

    private int takeId(int descriptors) {
        int id = freeIds[--freeIdCount];
        listLength[id] = descriptors;
        freeDescriptors -= descriptors;
        addedSinceAsked += descriptors;
        return id;
    }

    /** Writes the next descriptor; where it is the first one not published, all but its flags. */
    private void expose(long gpa, long byteSize, int id, int flags) {
        long offset = descriptorOffset(availIndex);
        int allFlags = flags | PackedDescriptorLayout.availableFlags(availWrap);
        ring.set(LONG, offset + PackedDescriptorLayout.ADDR_OFFSET, gpa);
        if (heldOffset < 0) {
            ring.set(INT, offset + PackedDescriptorLayout.LEN_OFFSET, (int) byteSize);
            ring.set(SHORT, offset + PackedDescriptorLayout.ID_OFFSET, (short) id);
            heldOffset = offset;
            heldFlags = (short) allFlags;
        } else {
            // The device looks at this one only after the one that is held (§2.8.2, §2.8.6).
            ring.set(LONG, offset + PackedDescriptorLayout.LEN_ID_FLAGS_OFFSET,
                PackedDescriptorLayout.pack(byteSize, id, allFlags));
        }
        if (++availIndex == size) {
            availIndex = 0;
            availWrap = !availWrap;
        }
    }

    @Override
    public void publish() {
        if (heldOffset >= 0) {
            // Release: this descriptor, those after it, and the buffers' bytes are visible before its flags are
            // (§2.8.21.1.1).
            U16.setRelease(ring, heldOffset + PackedDescriptorLayout.FLAGS_OFFSET, heldFlags);
            heldOffset = -1;
        }
    }

    @Override
    public boolean needsNotification() {
        publish();
        long written = addedSinceAsked;
        if (written == 0) {
            return false;
        }
        addedSinceAsked = 0;
        // Store of the flags above, then load below; weaker, and a device about to sleep is not woken (§2.8.21.3.1).
        VarHandle.fullFence();
        int descFlags = (int) U32.getOpaque(deviceEvent, EventSuppressionLayout.DESC_FLAGS_OFFSET);
        return EventSuppressionLayout.wantsNotification(descFlags, eventIdx, size, availIndex, availWrap, written);
    }

    @Override
    int peekUsed() {
        long lenIdFlags = loadDescriptorAcquire(usedIndex);
        int flags = PackedDescriptorLayout.flags(lenIdFlags);
        if (inFlight() == 0 || !PackedDescriptorLayout.isUsed(flags, usedWrap)) {
            return NONE;
        }
        int id = checkInFlight(PackedDescriptorLayout.id(lenIdFlags));
        // Without WRITE the length is reserved (§2.8.4).
        usedBytes = (flags & PackedDescriptorLayout.WRITE) != 0 ? PackedDescriptorLayout.length(lenIdFlags) : 0;
        return id;
    }

    @Override
    void takeUsed(int id) {
        int descriptors = listLength[id];
        listLength[id] = 0;
        freeIds[freeIdCount++] = id;
        freeDescriptors += descriptors;
        usedIndex += descriptors;
        if (usedIndex >= size) {
            usedIndex -= size;
            usedWrap = !usedWrap;
        }
    }

    private long loadDescriptorAcquire(int index) {
        // Acquire: the bytes the device wrote are read after the flags that mark the buffer used (§2.8.22).
        return (long) U64.getAcquire(ring, descriptorOffset(index) + PackedDescriptorLayout.LEN_ID_FLAGS_OFFSET);
    }

    private int checkInFlight(int id) {
        if (id >= size || listLength[id] == 0) {
            throw new IllegalStateException("device used id " + id + ", which is not in flight");
        }
        return id;
    }

    @Override
    public void disableNotifications() {
        U32.setOpaque(driverEvent, EventSuppressionLayout.DESC_FLAGS_OFFSET,
            EventSuppressionLayout.pack(0, false, EventSuppressionLayout.DISABLE));
    }

    @Override
    public boolean enableNotifications(int buffers) {
        int wanted = eventIdx && order == null ? buffers : 1;
        // Each buffer takes a descriptor at least, so the wanted-th descriptor is used when that many buffers are.
        int eventIndex = usedIndex + wanted - 1;
        boolean wraps = eventIndex >= size;
        U32.setOpaque(driverEvent, EventSuppressionLayout.DESC_FLAGS_OFFSET, eventIdx
            ? EventSuppressionLayout.pack(wraps ? eventIndex - size : eventIndex, usedWrap != wraps,
                EventSuppressionLayout.DESC)
            : EventSuppressionLayout.pack(0, false, EventSuppressionLayout.ENABLE));
        // Store above, then load below; weaker, and a buffer used in between is never notified of (§2.8.22).
        VarHandle.fullFence();
        return isAmidBatch() || descriptorsUsed(wanted) >= wanted;
    }

    /** Descriptors of buffers that are used and not polled yet; no more than it takes to reach {@code enough}. */
    private int descriptorsUsed(int enough) {
        int index = usedIndex;
        boolean wrap = usedWrap;
        int outstanding = size - freeDescriptors;
        int found = 0;
        while (found < enough && found < outstanding) {
            long lenIdFlags = loadDescriptorAcquire(index);
            if (!PackedDescriptorLayout.isUsed(PackedDescriptorLayout.flags(lenIdFlags), wrap)) {
                break;
            }
            int descriptors = listLength[checkInFlight(PackedDescriptorLayout.id(lenIdFlags))];
            found += descriptors;
            index += descriptors;
            if (index >= size) {
                index -= size;
                wrap = !wrap;
            }
        }
        return found;
    }
}
