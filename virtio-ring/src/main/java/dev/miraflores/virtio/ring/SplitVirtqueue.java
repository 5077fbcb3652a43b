// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.GuestAccess.LONG;
import static dev.miraflores.virtio.ring.GuestAccess.SHORT;
import static dev.miraflores.virtio.ring.GuestAccess.U16;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * Device side of a split virtqueue.
 * <p>{@code …Idx} are the ring's 16-bit counters, kept in ints and masked; {@code …Count} are the same without the wrap.
 * <p>Source: virtio 1.3 §2.7.
 */
public final class SplitVirtqueue extends Virtqueue {

    private final MemorySegment descriptors;
    private final MemorySegment avail;
    private final MemorySegment used;
    private final ChainWalker walker;
    private final int ringMask;
    private final long usedEventOffset;
    private final long availEventOffset;

    /** The avail idx last seen: chains up to it can be popped without another look. */
    private int availIdx;
    private int nextAvailIdx;

    private long usedCount;
    private long publishedCount;
    private long notifiedCount;
    /** With VIRTIO_F_IN_ORDER: where the last batch begins. */
    private long batchCount;
    /** Or {@code null}. */
    private SplitInflight inflight;

    SplitVirtqueue(GuestMemory memory, QueueGeometry geometry, long features, int position, int usedPosition) {
        super(memory, geometry, features);
        this.descriptors = part(memory, geometry.descGpa(), (long) DescriptorLayout.BYTES * size);
        this.avail = part(memory, geometry.driverGpa(), AvailRingLayout.byteSize(size));
        this.used = part(memory, geometry.deviceGpa(), UsedRingLayout.byteSize(size));
        this.walker = new ChainWalker(memory, chain, descriptors, size,
            RingFeatures.has(features, RingFeatures.INDIRECT_DESC));
        this.ringMask = size - 1;
        this.usedEventOffset = AvailRingLayout.usedEventOffset(size);
        this.availEventOffset = UsedRingLayout.availEventOffset(size);
        this.nextAvailIdx = position & 0xFFFF;
        this.availIdx = nextAvailIdx;
        this.usedCount = usedPosition & 0xFFFF;
        this.publishedCount = usedCount;
        this.notifiedCount = usedCount;
    }

    @Override
    public void trackInflight(MemorySegment region) {
        int usedIdx = (short) U16.getAcquire(used, UsedRingLayout.IDX_OFFSET) & 0xFFFF;
        inflight = new SplitInflight(region, size);
        InflightOrder left = inflight.recover(usedIdx);
        resubmitFirst(left);
        usedCount = usedIdx;
        publishedCount = usedCount;
        notifiedCount = usedCount;
        nextAvailIdx = usedIdx + left.count() & 0xFFFF;
        availIdx = nextAvailIdx;
    }

    static DriverFault checkGeometry(GuestMemory memory, QueueGeometry geometry) {
        int size = geometry.size();
        if (size < 1 || size > QueueGeometry.MAX_SIZE || Integer.bitCount(size) != 1) {
            return DriverFault.QUEUE_SIZE_INVALID;
        }
        DriverFault fault = checkPart(memory, geometry.descGpa(), (long) DescriptorLayout.BYTES * size,
            DescriptorLayout.ALIGNMENT);
        if (fault == null) {
            fault = checkPart(memory, geometry.driverGpa(), AvailRingLayout.byteSize(size), AvailRingLayout.ALIGNMENT);
        }
        if (fault == null) {
            fault = checkPart(memory, geometry.deviceGpa(), UsedRingLayout.byteSize(size), UsedRingLayout.ALIGNMENT);
        }
        return fault;
    }

    @Override
    public DescriptorChain popChain() {
        if (hasToResubmit()) {
            walker.walk(takeToResubmit());
            popped();
            return chain;
        }
        if (nextAvailIdx == availIdx && !refreshAvailIdx()) {
            return null;
        }
        long entryOffset = AvailRingLayout.entryOffset(nextAvailIdx & ringMask);
        // Plain, as all that the acquire of the idx has made the device's to read.
        int head = avail.get(SHORT, entryOffset) & 0xFFFF;
        if (head >= size) {
            end(DriverFault.HEAD_OUT_OF_RANGE);
            return null;
        }
        nextAvailIdx = (nextAvailIdx + 1) & 0xFFFF;
        if (inflight != null) {
            inflight.fetched(head);
        }
        walker.walk(head);
        popped();
        return chain;
    }

    /** Looks at the driver's idx; answers whether there is something to pop. */
    private boolean refreshAvailIdx() {
        if (fault != null) {
            return false;
        }
        int seen = loadAvailIdxAcquire();
        int pending = (seen - nextAvailIdx) & 0xFFFF;
        if (pending > size - inFlight()) {
            end(DriverFault.AVAIL_IDX_JUMPED);
            return false;
        }
        availIdx = seen;
        return pending != 0;
    }

    private int loadAvailIdxAcquire() {
        // Acquire: heads and descriptors up to this idx are read after it. Pairs with the driver's barrier before it
        // writes the idx (§2.7.13.3.1).
        return (short) U16.getAcquire(avail, AvailRingLayout.IDX_OFFSET) & 0xFFFF;
    }

    private void end(DriverFault cause) {
        fault = cause;
        availIdx = nextAvailIdx;
    }

    @Override
    public boolean hasAvailable() {
        return nextAvailIdx != availIdx || hasToResubmit() || fault == null && loadAvailIdxAcquire() != nextAvailIdx;
    }

    @Override
    void use(int head, int writtenBytes) {
        if (inFlight() == 0) {
            throw new IllegalStateException("no chain in flight: head=" + head);
        }
        // One store for id and len; plain, since the driver looks at it only after it has seen the idx.
        putUsed(usedCount, head, writtenBytes);
        usedCount++;
    }

    private void putUsed(long place, int head, int writtenBytes) {
        used.set(LONG, UsedRingLayout.entryOffset((int) place & ringMask),
            head & 0xFFFF_FFFFL | (long) writtenBytes << 32);
        if (inflight != null) {
            inflight.used(head);
        }
    }

    @Override
    void useNext(int head, int writtenBytes, boolean inPlaceOfLast) {
        if (!inPlaceOfLast) {
            batchCount = usedCount;
        }
        putUsed(batchCount, head, writtenBytes);
        usedCount++;
    }

    @Override
    public void publish() {
        if (publishedCount != usedCount) {
            // Release: the elements, and the buffer bytes they report, are visible before the new idx is. Pairs with
            // the driver's barrier after it has read the idx (§2.7.8.2, §2.7.14).
            U16.setRelease(used, UsedRingLayout.IDX_OFFSET, (short) usedCount);
            publishedCount = usedCount;
            lastCanBeLeftOut = false;
            if (inflight != null) {
                inflight.published((int) usedCount & 0xFFFF);
            }
            logWrites();
        }
    }

    private void logWrites() {
        if (log != null) {
            log.mark(logGpa, UsedRingLayout.byteSize(size));
        }
    }

    @Override
    public boolean needsNotification() {
        publish();
        long published = usedCount - notifiedCount;
        if (published == 0) {
            return false;
        }
        notifiedCount = usedCount;
        // Store of the idx above, then load below; weaker, and a driver that has just asked for a notification and
        // found the old idx would wait for one that is never sent (§2.7.7, §2.7.14).
        VarHandle.fullFence();
        if (eventIdx) {
            int usedEvent = (short) U16.getOpaque(avail, usedEventOffset) & 0xFFFF;
            // Wanted if one of the entries published was at usedEvent: at most published - 1 entries were after it.
            return (((int) usedCount - 1 - usedEvent) & 0xFFFF) < published;
        }
        return ((short) U16.getOpaque(avail, AvailRingLayout.FLAGS_OFFSET) & AvailRingLayout.NO_INTERRUPT) == 0;
    }

    @Override
    public void disableNotifications() {
        // With EVENT_IDX flags stay 0 (§2.7.10.2), and an avail_event that has been passed asks for nothing until the
        // idx has gone round.
        if (!eventIdx) {
            U16.setOpaque(used, UsedRingLayout.FLAGS_OFFSET, UsedRingLayout.NO_NOTIFY);
            logWrites();
        }
    }

    @Override
    public boolean enableNotifications() {
        if (fault != null) {
            return false;
        }
        if (eventIdx) {
            U16.setOpaque(used, availEventOffset, (short) nextAvailIdx);
        } else {
            U16.setOpaque(used, UsedRingLayout.FLAGS_OFFSET, (short) 0);
        }
        logWrites();
        // Store above, then load below; weaker, and a buffer exposed in between is never notified of (§2.7.10).
        VarHandle.fullFence();
        return hasToResubmit() || loadAvailIdxAcquire() != nextAvailIdx;
    }

    @Override
    public int inFlight() {
        return (nextAvailIdx - (int) usedCount) & 0xFFFF;
    }

    @Override
    public int position() {
        return nextAvailIdx;
    }
}
