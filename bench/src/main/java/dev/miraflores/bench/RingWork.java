// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;

/**
 * A queue, chains of one shape for it, and what a device does with each: pop, walk all elements, read a 16-byte header,
 * add used.
 * <p>{@code ring-floor.c} lays its memory out in the same way and does the same.
 */
abstract class RingWork implements AutoCloseable {

    static final int QUEUE_SIZE = 256;
    /** Chains between two refills. */
    static final int CHAINS = 256;

    static final long DESC_GPA = 0x10000;
    static final long DRIVER_GPA = 0x20000;
    static final long DEVICE_GPA = 0x30000;
    private static final long TABLES_GPA = 0x10_0000;
    private static final long HEADERS_GPA = 0x20_0000;
    private static final long DATA_GPA = 0x40_0000;
    private static final int TABLE_STRIDE = 256;
    private static final int HEADER_STRIDE = 256;
    private static final int HEADER_BYTES = 16;
    private static final int DATA_BYTES = 4096;

    final GuestMemory memory = GuestMemory.anonymous(64 << 20);
    final VirtqueueDriver driver;
    final Virtqueue queue;
    final RingShape shape;
    private final BufferElements buffer = new BufferElements();

    RingWork(RingShape shape, long kind, int queueSize) {
        this.shape = shape;
        QueueGeometry geometry = new QueueGeometry(queueSize, DESC_GPA, DRIVER_GPA, DEVICE_GPA);
        long features = kind | RingFeatures.VERSION_1 | RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC;
        driver = VirtqueueDriver.create(memory, geometry, features);
        queue = Virtqueue.create(memory, geometry, features);
    }

    static RingWork create(RingShape shape, boolean packed) {
        return packed ? new PackedRingWork(shape) : new SplitRingWork(shape);
    }

    /** Adds chain {@code i}: a header to read, then pages to write, the last one a status byte. */
    final int addChain(int i) {
        buffer.clear().readable(HEADERS_GPA + (long) i * HEADER_STRIDE, HEADER_BYTES);
        int elements = shape.elements();
        for (int e = 1; e < elements; e++) {
            buffer.writable(DATA_GPA + (long) DATA_BYTES * (i * elements + e), e == elements - 1 ? 1 : DATA_BYTES);
        }
        return shape.indirect() ? driver.addIndirect(buffer, TABLES_GPA + (long) TABLE_STRIDE * i) : driver.add(buffer);
    }

    /** Makes {@link #CHAINS} chains ready; not part of what is measured. */
    abstract void refill();

    /** Serves {@link #CHAINS} chains, {@code batch} at a time. */
    abstract long serve(int batch);

    /** Serves {@code count} chains, which are available, and publishes. */
    final long serveBatch(int count) {
        long sum = 0;
        for (int n = 0; n < count; n++) {
            DescriptorChain chain = queue.popChain();
            sum += chain.readLong(0) + chain.readLong(8);
            for (int i = 0; i < chain.count(); i++) {
                sum += chain.hostAddress(i) + chain.length(i);
            }
            queue.addUsed(chain.head(), 1);
        }
        queue.publish();
        return sum;
    }

    final void assertServed() {
        if (queue.fault() != null || queue.inFlight() != 0) {
            throw new IllegalStateException("fault=" + queue.fault() + ", in flight=" + queue.inFlight());
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
