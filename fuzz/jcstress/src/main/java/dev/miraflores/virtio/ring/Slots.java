// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import dev.miraflores.memory.GuestMemory;
import java.util.concurrent.atomic.AtomicInteger;

/** Guest memory for one queue and one buffer per test state: many states, of which few live at the same time. */
final class Slots {

    static final int SIZE = 4;
    static final int BUFFER_OFFSET = 0xC0;
    private static final int SLOT_SHIFT = 8;
    private static final int SLOTS = 1 << 17;
    private static final int DRIVER_OFFSET = 0x40;
    private static final int DEVICE_OFFSET = 0x60;
    static final GuestMemory MEMORY = GuestMemory.anonymous((long) SLOTS << SLOT_SHIFT);
    private static final AtomicInteger NEXT = new AtomicInteger();

    private Slots() {
    }

    static long next() {
        return (long) (NEXT.getAndIncrement() & SLOTS - 1) << SLOT_SHIFT;
    }

    static QueueGeometry geometry(long slot) {
        return new QueueGeometry(SIZE, slot, slot + DRIVER_OFFSET, slot + DEVICE_OFFSET);
    }
}
