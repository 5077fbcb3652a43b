// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

/** A queue from both sides, and a buffer of 8 readable and 8 writable bytes, about to wrap. */
class QueuePair {

    private static final int LAST_SPLIT = 65535;
    private static final int LAST_PACKED = 0x8000 | Slots.SIZE - 1;

    final VirtqueueDriver driver;
    final Virtqueue device;
    private final long buffer;

    QueuePair(long features) {
        long slot = Slots.next();
        int position = Virtqueue.isPacked(features) ? LAST_PACKED : LAST_SPLIT;
        driver = VirtqueueDriver.create(Slots.MEMORY, Slots.geometry(slot), features, position);
        device = Virtqueue.create(Slots.MEMORY, Slots.geometry(slot), features, position);
        buffer = slot + Slots.BUFFER_OFFSET;
        store(buffer, 0);
        store(buffer + Long.BYTES, 0);
    }

    final void add() {
        driver.add(new BufferElements().readable(buffer, Long.BYTES).writable(buffer + Long.BYTES, Long.BYTES));
    }

    /** What the device is to find. */
    final void fill(long value) {
        store(buffer, value);
    }

    /** What the device has stored. */
    final long answer() {
        return Slots.MEMORY.regions().getFirst().segment().get(GuestAccess.LONG, buffer + Long.BYTES);
    }

    private static void store(long gpa, long value) {
        Slots.MEMORY.regions().getFirst().segment().set(GuestAccess.LONG, gpa, value);
    }
}
