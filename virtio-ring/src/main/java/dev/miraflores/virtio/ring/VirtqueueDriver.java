// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.MemorySegment;

/**
 * The driver's side of one virtqueue: what a guest does, done from this process, as a well-behaved driver does it.
 * <pre>
 *   int id = driver.add(elements.clear().readable(headerGpa, 16).writable(statusGpa, 1));
 *   driver.publish();
 *   if (driver.needsNotification()) { ... available buffer notification ... }
 *   int used = driver.pollUsed();            // −1 when none; driver.usedBytes() says how much was written
 * </pre>
 * <p>Thread: one at a time, all methods; the device may be another.
 * <p>Lifetime: holds nothing to close.
 * <p>Source: virtio 1.3 §2.7.13, §2.7.14, §2.8.21, §2.8.22.
 */
public abstract sealed class VirtqueueDriver permits SplitVirtqueueDriver, PackedVirtqueueDriver {

    /** No buffer. */
    static final int NONE = -1;

    final GuestMemory memory;
    final int size;
    final boolean eventIdx;
    /** With VIRTIO_F_IN_ORDER: what is in flight; else {@code null}. */
    final InOrder order;
    /** The last buffer of a batch of which not all were polled; or {@link #NONE}. */
    private int batchLast = NONE;
    private long batchLastBytes;
    long usedBytes;

    VirtqueueDriver(GuestMemory memory, QueueGeometry geometry, long features) {
        DriverFault fault = Virtqueue.check(memory, geometry, features);
        if (fault != null) {
            throw new IllegalArgumentException(fault + ": " + geometry);
        }
        this.memory = memory;
        this.size = geometry.size();
        this.eventIdx = RingFeatures.has(features, RingFeatures.EVENT_IDX);
        this.order = RingFeatures.has(features, RingFeatures.IN_ORDER) ? new InOrder(size) : null;
    }

    /** Initialises a queue where {@code geometry} says. */
    public static VirtqueueDriver create(GuestMemory memory, QueueGeometry geometry, long features) {
        return create(memory, geometry, features, Virtqueue.freshPosition(features));
    }

    /** Initialises a queue as if {@code position} had been reached and all buffers used, see {@link Virtqueue#position}. */
    public static VirtqueueDriver create(GuestMemory memory, QueueGeometry geometry, long features, int position) {
        return Virtqueue.isPacked(features) ? new PackedVirtqueueDriver(memory, geometry, features, position)
            : new SplitVirtqueueDriver(memory, geometry, features, position);
    }

    /** Queue Size. */
    public final int size() {
        return size;
    }

    /** Descriptors that no buffer occupies. */
    public abstract int freeDescriptors();

    /** Buffers added and not yet seen used. */
    public abstract int inFlight();

    /**
     * Puts a buffer into descriptors of the queue, one per element. The device sees it after {@link #publish}.
     *
     * @return its id, 0 to Queue Size − 1; −1 where there are not enough descriptors
     * @throws IllegalArgumentException where there is no element
     */
    public abstract int add(BufferElements elements);

    /**
     * Puts a buffer into a table of its own and one descriptor of the queue. The table is the driver's again when the
     * buffer comes back.
     *
     * @param tableGpa where 16 bytes per element are free
     * @return its id, 0 to Queue Size − 1; −1 where there is no descriptor
     */
    public abstract int addIndirect(BufferElements elements, long tableGpa);

    /** Lets the device see all buffers added so far. */
    public abstract void publish();

    /**
     * Publishes, then says whether the device wants an available buffer notification for what was published since the
     * last call (§2.7.10.1, §2.8.21.3).
     */
    public abstract boolean needsNotification();

    /** The id of the next buffer that the device has used, or −1. */
    public final int pollUsed() {
        if (order != null) {
            return pollInOrder();
        }
        int id = peekUsed();
        if (id != NONE) {
            takeUsed(id);
        }
        return id;
    }

    /** A used element may stand for a batch of buffers, of which it names the last (§2.7.9, §2.8.8). */
    private int pollInOrder() {
        if (batchLast == NONE) {
            batchLast = peekUsed();
            batchLastBytes = usedBytes;
        }
        if (batchLast == NONE) {
            return NONE;
        }
        int id = order.firstId(); // there is one: the last of a batch is in flight
        if (id == batchLast) {
            usedBytes = batchLastBytes;
            batchLast = NONE;
        } else {
            usedBytes = order.firstWritable(); // those left out were used in full
        }
        order.removeFirst();
        takeUsed(id);
        return id;
    }

    /** Whether there are buffers left of a batch. */
    final boolean isAmidBatch() {
        return batchLast != NONE;
    }

    /** The id in the used element that is next, with its {@link #usedBytes}, or {@link #NONE}. */
    abstract int peekUsed();

    /** Takes a used buffer back. */
    abstract void takeUsed(int id);

    /** A buffer was added. */
    final int added(int id, BufferElements elements) {
        if (order != null) {
            long writable = 0;
            for (int i = 0; i < elements.count(); i++) {
                writable += elements.isWritable(i) ? elements.byteSize(i) : 0;
            }
            order.add(id, writable);
        }
        return id;
    }

    /** Bytes the device says it wrote into the buffer that {@link #pollUsed} gave last. */
    public final long usedBytes() {
        return usedBytes;
    }

    /** Asks the device for no used buffer notifications. */
    public abstract void disableNotifications();

    /** Asks for a notification of the next used buffer; answers whether some are used already. */
    public final boolean enableNotifications() {
        return enableNotifications(1);
    }

    /**
     * Asks for a notification when {@code buffers} more have been used at the latest. Without VIRTIO_F_EVENT_IDX, which
     * is what it takes to say so, it comes with the next one; a packed queue counts descriptors instead of buffers.
     *
     * @param buffers 1 to those in flight, or 1
     * @return whether so many are used already that there may be no notification for them
     */
    public abstract boolean enableNotifications(int buffers);

    final MemorySegment part(long gpa, long byteSize) {
        return memory.slice(gpa, byteSize).fill((byte) 0);
    }

    final MemorySegment indirectTable(BufferElements elements, long tableGpa) {
        if (elements.count() == 0) {
            throw new IllegalArgumentException("a buffer has at least one element");
        }
        MemorySegment table = memory.slice(tableGpa, (long) DescriptorLayout.BYTES * elements.count());
        if (table == null) {
            throw new IllegalArgumentException("no memory for a table at gpa 0x" + Long.toHexString(tableGpa));
        }
        return table;
    }
}
