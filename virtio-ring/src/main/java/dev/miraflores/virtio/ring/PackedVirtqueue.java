// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.GuestAccess.INT;
import static dev.miraflores.virtio.ring.GuestAccess.LONG;
import static dev.miraflores.virtio.ring.GuestAccess.SHORT;
import static dev.miraflores.virtio.ring.GuestAccess.U16;
import static dev.miraflores.virtio.ring.GuestAccess.U32;
import static dev.miraflores.virtio.ring.GuestAccess.U64;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * Device side of a packed virtqueue. {@link DescriptorChain#head} is a buffer id here.
 * <p>How many descriptors each buffer in flight takes is kept on this side: the ring, which the driver can write,
 * decides nothing once a buffer was popped.
 * <p>Source: virtio 1.3 §2.8.
 */
public final class PackedVirtqueue extends Virtqueue {

    private static final int WRAP_BIT = 1 << 15;

    private final GuestMemory memory;
    private final MemorySegment ring;
    private final MemorySegment driverEvent;
    private final MemorySegment deviceEvent;
    private final boolean indirectNegotiated;

    /** Descriptors of the buffer in flight with this id; 0 where there is none. */
    private final int[] listLength;
    private int inFlight;
    private int descriptorsInFlight;

    private int availIndex;
    private boolean availWrap;
    private int usedIndex;
    private boolean usedWrap;

    /** The first used descriptor not published yet: its flags go last. Below 0 where there is none. */
    private long heldOffset = -1;
    private short heldFlags;
    /** Descriptors used since the driver's wish was last looked at. */
    private long usedSinceAsked;
    /** With VIRTIO_F_IN_ORDER: where the last batch begins. */
    private long batchOffset;
    private boolean batchWrap;
    private final long ringGpa;
    /** Or {@code null}. */
    private PackedInflight inflight;

    PackedVirtqueue(GuestMemory memory, QueueGeometry geometry, long features, int position, int usedPosition) {
        super(memory, geometry, features);
        this.memory = memory;
        this.ring = part(memory, geometry.descGpa(), (long) PackedDescriptorLayout.BYTES * size);
        this.driverEvent = part(memory, geometry.driverGpa(), EventSuppressionLayout.BYTES);
        this.deviceEvent = part(memory, geometry.deviceGpa(), EventSuppressionLayout.BYTES);
        this.indirectNegotiated = RingFeatures.has(features, RingFeatures.INDIRECT_DESC);
        this.listLength = new int[size];
        this.availIndex = indexOf(position, size);
        this.availWrap = (position & WRAP_BIT) != 0;
        this.usedIndex = indexOf(usedPosition, size);
        this.usedWrap = (usedPosition & WRAP_BIT) != 0;
        this.descriptorsInFlight = availIndex - usedIndex + (availWrap == usedWrap ? 0 : size);
        this.ringGpa = geometry.descGpa();
        if (descriptorsInFlight < 0 || descriptorsInFlight > size) {
            throw new IllegalArgumentException("used at " + usedPosition + ", available at " + position);
        }
    }

    @Override
    public void trackInflight(MemorySegment region) {
        inflight = new PackedInflight(region, size);
        if (!inflight.isUsed()) {
            inflight.begin(usedIndex, usedWrap);
            return;
        }
        inflight.settle(ring);
        InflightOrder left = inflight.recover();
        int index = inflight.usedIndex(); // once: the front end can write it meanwhile
        if (left == null || index >= size) {
            fault = DriverFault.INFLIGHT_INVALID;
            return;
        }
        descriptorsInFlight = 0;
        for (int i = 0; i < left.count(); i++) {
            descriptorsInFlight += inflight.count(left.at(i));
        }
        resubmitFirst(left);
        usedIndex = index;
        usedWrap = inflight.usedWrap();
        availIndex = usedIndex + descriptorsInFlight;
        availWrap = usedWrap ^ availIndex >= size;
        availIndex -= availIndex >= size ? size : 0;
    }

    @Override
    public void endInflight() {
        if (inflight != null && fault == null && descriptorsInFlight == 0) {
            inflight.end();
        }
    }

    /** The place in the ring that a position names. */
    static int indexOf(int position, int size) {
        int index = position & WRAP_BIT - 1;
        if (index >= size) {
            throw new IllegalArgumentException("position " + position + " in a queue of " + size);
        }
        return index;
    }

    static DriverFault checkGeometry(GuestMemory memory, QueueGeometry geometry) {
        int size = geometry.size();
        if (size < 1 || size > QueueGeometry.MAX_SIZE) {
            return DriverFault.QUEUE_SIZE_INVALID;
        }
        DriverFault fault = checkPart(memory, geometry.descGpa(), (long) PackedDescriptorLayout.BYTES * size,
            PackedDescriptorLayout.ALIGNMENT);
        if (fault == null) {
            fault = checkPart(memory, geometry.driverGpa(), EventSuppressionLayout.BYTES,
                EventSuppressionLayout.ALIGNMENT);
        }
        if (fault == null) {
            fault = checkPart(memory, geometry.deviceGpa(), EventSuppressionLayout.BYTES,
                EventSuppressionLayout.ALIGNMENT);
        }
        return fault;
    }

    @Override
    public DescriptorChain popChain() {
        if (fault != null) {
            return null;
        }
        if (hasToResubmit()) {
            return popResubmitted(takeToResubmit());
        }
        long lenIdFlags = loadDescriptorAcquire();
        if (!PackedDescriptorLayout.isAvailable(PackedDescriptorLayout.flags(lenIdFlags), availWrap)) {
            return null;
        }
        int descriptors = walk(lenIdFlags);
        if (descriptors == 0) {
            return null;
        }
        int id = chain.head();
        if (id >= size || listLength[id] != 0) {
            fault = DriverFault.BUFFER_ID_INVALID;
            return null;
        }
        if (inflight != null) {
            inflight.fetched(ring, availIndex, descriptors, id);
        }
        listLength[id] = descriptors;
        inFlight++;
        descriptorsInFlight += descriptors;
        availIndex += descriptors;
        if (availIndex >= size) {
            availIndex -= size;
            availWrap = !availWrap;
        }
        popped();
        return chain;
    }

    /** A buffer that an earlier device had in flight, from what it noted of it. */
    private DescriptorChain popResubmitted(int head) {
        int descriptors = inflight.count(head);
        int entry = head;
        long lenIdFlags = 0;
        chain.begin();
        for (int i = 0; i < descriptors; i++) {
            lenIdFlags = inflight.lenIdFlags(entry);
            append(inflight.address(entry), lenIdFlags, descriptors > 1);
            entry = inflight.nextOf(entry);
        }
        int id = PackedDescriptorLayout.id(lenIdFlags);
        if (id >= size || listLength[id] != 0) {
            fault = DriverFault.BUFFER_ID_INVALID;
            return null;
        }
        chain.setHead(id);
        inflight.resubmitted(id, head);
        listLength[id] = descriptors;
        inFlight++;
        popped();
        return chain;
    }

    private long loadDescriptorAcquire() {
        // Acquire: the rest of the descriptor and of its list is read after the flags that make it available. Pairs
        // with the driver's barrier before it writes the flags (§2.8.21.1.1).
        return (long) U64.getAcquire(ring, descriptorOffset(availIndex) + PackedDescriptorLayout.LEN_ID_FLAGS_OFFSET);
    }

    /**
     * Goes through the list that starts at {@link #availIndex}, each descriptor read once: plain loads, as the acquire
     * of the first one's flags comes before them. A malformed element spoils the chain, but the list goes on to the
     * descriptor that has its id.
     *
     * @return how many descriptors it takes; 0 where it has no end, which ends the queue
     */
    private int walk(long firstLenIdFlags) {
        int free = size - descriptorsInFlight;
        int descriptors = 0;
        int index = availIndex;
        boolean wrap = availWrap;
        long lenIdFlags = firstLenIdFlags;
        chain.begin();
        while (true) {
            int flags = PackedDescriptorLayout.flags(lenIdFlags);
            // Beyond the free ones are those in flight, whose flags the driver may have written again.
            if (descriptors == free || !PackedDescriptorLayout.isAvailable(flags, wrap)) {
                fault = DriverFault.LIST_UNENDED;
                return 0;
            }
            long gpa = ring.get(LONG, descriptorOffset(index) + PackedDescriptorLayout.ADDR_OFFSET);
            boolean next = (flags & PackedDescriptorLayout.NEXT) != 0;
            append(gpa, lenIdFlags, next || descriptors != 0);
            descriptors++;
            if (!next) {
                chain.setHead(PackedDescriptorLayout.id(lenIdFlags));
                return descriptors;
            }
            if (++index == size) {
                index = 0;
                wrap = !wrap;
            }
            lenIdFlags = ring.get(LONG, descriptorOffset(index) + PackedDescriptorLayout.LEN_ID_FLAGS_OFFSET);
        }
    }

    /** Adds what a descriptor says to the chain. */
    private void append(long gpa, long lenIdFlags, boolean inList) {
        int flags = PackedDescriptorLayout.flags(lenIdFlags);
        long byteSize = PackedDescriptorLayout.length(lenIdFlags);
        if ((flags & PackedDescriptorLayout.INDIRECT) == 0) {
            chain.append(gpa, byteSize, (flags & PackedDescriptorLayout.WRITE) != 0);
        } else if (!indirectNegotiated) {
            chain.fail(DriverFault.INDIRECT_NOT_NEGOTIATED);
        } else if (inList) {
            chain.fail(DriverFault.INDIRECT_WITH_NEXT);
        } else {
            walkIndirect(gpa, byteSize);
        }
    }

    /** All entries of the table, in order; only WRITE means something there (§2.8.7). */
    private void walkIndirect(long tableGpa, long tableBytes) {
        if (tableBytes == 0 || tableBytes % PackedDescriptorLayout.BYTES != 0) {
            chain.fail(DriverFault.INDIRECT_LENGTH_INVALID);
            return;
        }
        if (tableBytes >>> PackedDescriptorLayout.SHIFT > size) {
            chain.fail(DriverFault.CHAIN_TOO_LONG);
            return;
        }
        GuestMemoryRegion region = memory.find(tableGpa, tableBytes);
        if (region == null) {
            chain.fail(DriverFault.INDIRECT_OUTSIDE_MEMORY);
            return;
        }
        MemorySegment table = region.segment();
        long start = tableGpa - region.gpa();
        for (long offset = start; offset < start + tableBytes; offset += PackedDescriptorLayout.BYTES) {
            long gpa = table.get(LONG, offset + PackedDescriptorLayout.ADDR_OFFSET);
            long lenIdFlags = table.get(LONG, offset + PackedDescriptorLayout.LEN_ID_FLAGS_OFFSET);
            int flags = PackedDescriptorLayout.flags(lenIdFlags);
            chain.append(gpa, PackedDescriptorLayout.length(lenIdFlags), (flags & PackedDescriptorLayout.WRITE) != 0);
        }
    }

    private static long descriptorOffset(int index) {
        return (long) index << PackedDescriptorLayout.SHIFT;
    }

    @Override
    public boolean hasAvailable() {
        return fault == null && (hasToResubmit()
            || PackedDescriptorLayout.isAvailable(PackedDescriptorLayout.flags(loadDescriptorAcquire()), availWrap));
    }

    @Override
    void use(int head, int writtenBytes) {
        if (head < 0 || head >= size || listLength[head] == 0) {
            throw new IllegalStateException("no buffer in flight with id " + head);
        }
        // WRITE says that there is a length (§2.8.3, §2.8.4).
        int flags = PackedDescriptorLayout.usedFlags(usedWrap) | (writtenBytes != 0 ? PackedDescriptorLayout.WRITE : 0);
        long offset = descriptorOffset(usedIndex);
        putUsed(offset, head, writtenBytes, flags);
        advance(head);
        publishAlone();
    }

    /** What is noted as in flight is published buffer by buffer. */
    private void publishAlone() {
        if (inflight != null) {
            publish();
        }
    }

    private void putUsed(long offset, int head, int writtenBytes, int flags) {
        if (heldOffset < 0 || heldOffset == offset) {
            ring.set(INT, offset + PackedDescriptorLayout.LEN_OFFSET, writtenBytes);
            ring.set(SHORT, offset + PackedDescriptorLayout.ID_OFFSET, (short) head);
            heldOffset = offset;
            heldFlags = (short) flags;
        } else {
            // The driver looks at this one only after the one that is held (§2.8.2).
            ring.set(LONG, offset + PackedDescriptorLayout.LEN_ID_FLAGS_OFFSET,
                PackedDescriptorLayout.pack(writtenBytes, head, flags));
        }
        if (inflight != null) {
            inflight.used(head);
        }
    }

    @Override
    void useNext(int head, int writtenBytes, boolean inPlaceOfLast) {
        if (!inPlaceOfLast || inflight != null) {
            batchOffset = descriptorOffset(usedIndex);
            batchWrap = usedWrap;
        }
        putUsed(batchOffset, head, writtenBytes,
            PackedDescriptorLayout.usedFlags(batchWrap) | (writtenBytes != 0 ? PackedDescriptorLayout.WRITE : 0));
        advance(head);
        publishAlone();
    }

    /** The buffer's descriptors are the driver's again; what is used next goes behind them. */
    private void advance(int head) {
        int descriptors = listLength[head];
        listLength[head] = 0;
        inFlight--;
        descriptorsInFlight -= descriptors;
        usedSinceAsked += descriptors;
        usedIndex += descriptors;
        if (usedIndex >= size) {
            usedIndex -= size;
            usedWrap = !usedWrap;
        }
    }

    @Override
    public void publish() {
        if (heldOffset >= 0) {
            if (inflight != null) {
                inflight.publishing(usedIndex, usedWrap);
            }
            // Release: length and id, the used descriptors after this one, and the bytes they report are visible
            // before these flags are. Pairs with the driver's barrier after it has read them (§2.8.22).
            U16.setRelease(ring, heldOffset + PackedDescriptorLayout.FLAGS_OFFSET, heldFlags);
            heldOffset = -1;
            lastCanBeLeftOut = false;
            if (inflight != null) {
                inflight.published();
            }
            if (log != null) {
                log.mark(ringGpa, (long) PackedDescriptorLayout.BYTES * size);
            }
        }
    }

    private void logDeviceEvent() {
        if (log != null) {
            log.mark(logGpa, EventSuppressionLayout.BYTES);
        }
    }

    @Override
    public boolean needsNotification() {
        publish();
        long written = usedSinceAsked;
        if (written == 0) {
            return false;
        }
        usedSinceAsked = 0;
        // Store of the flags above, then load below; weaker, and a driver that has just asked for a notification and
        // found nothing would wait for one that is never sent (§2.8.22).
        VarHandle.fullFence();
        int descFlags = (int) U32.getOpaque(driverEvent, EventSuppressionLayout.DESC_FLAGS_OFFSET);
        return EventSuppressionLayout.wantsNotification(descFlags, eventIdx, size, usedIndex, usedWrap, written);
    }

    @Override
    public void disableNotifications() {
        U32.setOpaque(deviceEvent, EventSuppressionLayout.DESC_FLAGS_OFFSET,
            EventSuppressionLayout.pack(0, false, EventSuppressionLayout.DISABLE));
        logDeviceEvent();
    }

    @Override
    public boolean enableNotifications() {
        U32.setOpaque(deviceEvent, EventSuppressionLayout.DESC_FLAGS_OFFSET, eventIdx
            ? EventSuppressionLayout.pack(availIndex, availWrap, EventSuppressionLayout.DESC)
            : EventSuppressionLayout.pack(0, false, EventSuppressionLayout.ENABLE));
        logDeviceEvent();
        // Store above, then load below; weaker, and a buffer made available in between is never notified of (§2.8.21.3).
        VarHandle.fullFence();
        return hasAvailable();
    }

    @Override
    public int inFlight() {
        return inFlight;
    }

    @Override
    public int position() {
        return availIndex | (availWrap ? WRAP_BIT : 0);
    }
}
