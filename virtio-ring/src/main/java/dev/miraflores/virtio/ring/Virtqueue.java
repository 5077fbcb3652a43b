// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.memory.DirtyLog;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;

/**
 * The device's side of one virtqueue (virtio 1.3 §2.6).
 * <p>A worker that misses nothing and notifies no more than it must:
 * <pre>
 *   do {
 *       queue.disableNotifications();
 *       for (DescriptorChain chain; (chain = queue.popChain()) != null;) {
 *           // chain.fault() == null, or give it back with 0 bytes; keep chain.head(), not the chain
 *           queue.addUsed(chain.head(), writtenBytes);
 *       }
 *       if (queue.needsNotification()) { ... used buffer notification ... }
 *   } while (queue.enableNotifications());
 *   // if queue.fault() is not null: DEVICE_NEEDS_RESET; else wait for the next available buffer notification
 * </pre>
 * With VIRTIO_F_EVENT_IDX {@code enableNotifications} asks for ONE notification, so it has to come before each wait.
 * <p>At most Queue Size chains are in flight at any time, whatever the driver does, and one call looks at no more than
 * Queue Size descriptors and two that refer to a table.
 * <p>Thread: one at a time, all methods. A queue may move to another thread by whatever orders the two.
 * <p>Lifetime: holds nothing to close. Geometry and features are final: a driver that changes them gets a new queue.
 * After the memory was closed every method that touches it throws {@link IllegalStateException}.
 */
public abstract sealed class Virtqueue permits SplitVirtqueue, PackedVirtqueue {

    private final QueueGeometry geometry;
    final int size;
    final boolean eventIdx;
    final DescriptorChain chain;
    /** With VIRTIO_F_IN_ORDER; else {@code null}. */
    final InOrder order;
    /** The last buffer given back is not published yet, and was written in full: the next one may take its used element. */
    boolean lastCanBeLeftOut;
    DriverFault fault;
    /** What an earlier device left in flight and was not handed out yet, or {@code null} where there is nothing of that. */
    private InflightOrder resubmit;
    /** Where writes to the queue itself are logged, or {@code null}; {@link #logGpa} is what the used ring is called there. */
    DirtyLog log;
    long logGpa;

    Virtqueue(GuestMemory memory, QueueGeometry geometry, long features) {
        this.geometry = geometry;
        this.size = geometry.size();
        this.eventIdx = RingFeatures.has(features, RingFeatures.EVENT_IDX);
        this.chain = new DescriptorChain(memory, size);
        this.order = RingFeatures.has(features, RingFeatures.IN_ORDER) ? new InOrder(size) : null;
    }

    /**
     * What is wrong with a queue that a driver wants to enable, or {@code null}. Never throws.
     *
     * @param features those negotiated; {@link RingFeatures#RING_PACKED} decides which kind of queue it is
     */
    public static DriverFault check(GuestMemory memory, QueueGeometry geometry, long features) {
        return isPacked(features) ? PackedVirtqueue.checkGeometry(memory, geometry)
            : SplitVirtqueue.checkGeometry(memory, geometry);
    }

    /** A queue that nothing has gone through yet. */
    public static Virtqueue create(GuestMemory memory, QueueGeometry geometry, long features) {
        return create(memory, geometry, features, freshPosition(features));
    }

    /**
     * A queue that goes on at {@code position}, with nothing in flight. Its earlier device may have left a used buffer
     * notification unsent: who resumes a queue sends one.
     *
     * @param position from {@link #position}
     * @throws IllegalArgumentException unless {@link #check} finds nothing wrong
     */
    public static Virtqueue create(GuestMemory memory, QueueGeometry geometry, long features, int position) {
        return create(memory, geometry, features, position, position);
    }

    /**
     * As {@link #create(GuestMemory, QueueGeometry, long, int)}, for a queue of which some buffers were lost: they were popped,
     * and will never be given back.
     *
     * @param usedPosition where the next used buffer goes, in the form of a position
     */
    public static Virtqueue create(
            GuestMemory memory, QueueGeometry geometry, long features, int position, int usedPosition) {
        DriverFault fault = check(memory, geometry, features);
        if (fault != null) {
            throw new IllegalArgumentException(fault + ": " + geometry);
        }
        return isPacked(features) ? new PackedVirtqueue(memory, geometry, features, position, usedPosition)
            : new SplitVirtqueue(memory, geometry, features, position, usedPosition);
    }

    /** Bytes that {@link #trackInflight} needs for a queue of {@code size} entries, of either kind. */
    public static long inflightBytes(int size) {
        return Math.max(SplitInflight.byteSize(size), PackedInflight.byteSize(size));
    }

    /**
     * Notes in {@code region} which buffers are in flight, so that a device of another process can go on from there if this
     * one ends; and where such a note is there already, goes on from it: what was in flight comes first, in the order it was
     * popped in, and the queue's place is what the note says and not what {@link #create} was told. Before all else.
     *
     * @param region shared, of {@link #inflightBytes} at least, and all zeroes at first; its content is not trusted
     */
    public abstract void trackInflight(MemorySegment region);

    /** Nothing is in flight, and who takes over goes on where its front end says. Last of all. */
    public void endInflight() {
    }

    /**
     * Logs what is written to the queue itself from now on.
     *
     * @param usedGpa what the first byte of the used ring (split) or of the device event suppression (packed) is called in
     *                the log
     */
    public final void logUsed(DirtyLog dirtyLog, long usedGpa) {
        log = dirtyLog;
        logGpa = usedGpa;
    }

    /** The position of a queue that nothing has gone through yet. */
    public static int freshPosition(long features) {
        return isPacked(features) ? 1 << 15 : 0;
    }

    static boolean isPacked(long features) {
        return RingFeatures.has(features, RingFeatures.RING_PACKED);
    }

    /** Where the driver has put it: for who hands the queue over to another process. */
    public final QueueGeometry geometry() {
        return geometry;
    }

    /** Queue Size. */
    public final int size() {
        return size;
    }

    /** The rule that the driver broke and that ended this queue, or {@code null} while it is in order. */
    public final DriverFault fault() {
        return fault;
    }

    /**
     * The next available chain, or {@code null} where there is none or the queue is at its end, see {@link #fault}.
     * The chain is this queue's only one: it holds until the next call.
     */
    public abstract DescriptorChain popChain();

    /** Whether {@link #popChain} has something to do: a chain, or a fault to find. For polling; changes nothing. */
    public abstract boolean hasAvailable();

    /**
     * Gives a chain back, in any order. The driver sees it after {@link #publish} or {@link #needsNotification}; with
     * VIRTIO_F_IN_ORDER after all that were popped before it were given back too.
     *
     * @param head         {@link DescriptorChain#head} of a chain that was popped and not yet given back
     * @param writtenBytes bytes written, from the first device-writable one on, without a gap; unsigned
     * @throws IllegalStateException where no chain is in flight, or for a packed queue none with this id
     */
    public final void addUsed(int head, int writtenBytes) {
        if (order == null) {
            use(head, writtenBytes);
        } else {
            useInOrder(head, writtenBytes);
        }
    }

    private void useInOrder(int head, int writtenBytes) {
        order.complete(head, writtenBytes);
        while (order.isFirstComplete()) {
            useNext(order.firstId(), order.firstWritten(), lastCanBeLeftOut);
            lastCanBeLeftOut = order.isFirstFull();
            order.removeFirst();
        }
    }

    /** Writes a used element. */
    abstract void use(int head, int writtenBytes);

    /**
     * With VIRTIO_F_IN_ORDER: writes the used element of the chain that is next in order.
     *
     * @param inPlaceOfLast whether in the place of the one before it: one element for a batch (§2.7.9, §2.8.8)
     */
    abstract void useNext(int head, int writtenBytes, boolean inPlaceOfLast);

    /** What an earlier device left in flight comes first. */
    final void resubmitFirst(InflightOrder left) {
        resubmit = left.isEmpty() ? null : left;
    }

    final boolean hasToResubmit() {
        return resubmit != null;
    }

    /** The next of what {@link #hasToResubmit}. */
    final int takeToResubmit() {
        int entry = resubmit.take();
        if (resubmit.isEmpty()) {
            resubmit = null;
        }
        return entry;
    }

    /** A chain is about to be handed out. */
    final void popped() {
        if (order != null) {
            // What a driver must not take for written in full is never left out.
            order.add(chain.head(), chain.fault() == null ? chain.writableBytes() : -1);
        }
    }

    /** Lets the driver see all chains given back so far: one ordered store for all of them. */
    public abstract void publish();

    /**
     * Publishes, then says whether the driver wants a used buffer notification for what was published since the last
     * call (§2.7.7.2, §2.8.10). Whoever gets true sends one.
     */
    public abstract boolean needsNotification();

    /** Asks the driver for no available buffer notifications; advice that it may have missed (§2.7.10, §2.8.10). */
    public abstract void disableNotifications();

    /**
     * Asks the driver for a notification of the next buffer it makes available.
     *
     * @return whether some became available before it could know, so that there may be no notification for them
     */
    public abstract boolean enableNotifications();

    /** Chains popped and not yet given back, or given back and waiting for those before them (VIRTIO_F_IN_ORDER). */
    public abstract int inFlight();

    /**
     * Where the queue stands, so that another can go on from there once nothing is in flight: the index of the next
     * available buffer; for a packed queue with the wrap counter in bit 15. (The form of vhost's vring base.)
     */
    public abstract int position();

    /** A part of a queue as a segment; {@link #checkPart} has found nothing wrong with it. */
    static MemorySegment part(GuestMemory memory, long gpa, long byteSize) {
        return memory.slice(gpa, byteSize);
    }

    static DriverFault checkPart(GuestMemory memory, long gpa, long byteSize, long alignment) {
        if (gpa % alignment != 0) {
            return DriverFault.QUEUE_MISALIGNED;
        }
        GuestMemoryRegion region = memory.find(gpa, byteSize);
        return region == null ? DriverFault.QUEUE_OUTSIDE_MEMORY : null;
    }
}
