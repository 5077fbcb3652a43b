// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class PackedInflightTest {

    private static final int SIZE = 8;
    /** Index and wrap counter, new and old: {@code used_idx, old_used_idx, used_wrap_counter, old_used_wrap_counter}. */
    private static final long PLACE_OFFSET = 16;
    private static final int MOVES = 500_000;
    private static final int TAKE_OVERS = 300;
    private static final long LONG_ENOUGH_NS = 5_000_000_000L;
    private static final VarHandle U16 = ValueLayout.JAVA_SHORT.varHandle();
    private static final VarHandle U64 = ValueLayout.JAVA_LONG.varHandle();
    /** In turn, with what no two of them make together: the place where the ring begins, and one past where it wraps. */
    private static final long[] OLD_PLACES = {place(5, true), place(3, false)};

    private static long place(int index, boolean wrap) {
        return index | (wrap ? 1L << 16 : 0);
    }

    private static long oldPlace(long word) {
        return (word >>> 16 & 0xFFFF) | (word >>> 40 & 0xFF) << 16;
    }

    /** A process may end between any two stores: whoever takes over must not find a place in the ring that never was. */
    @Test
    void shouldMoveThePlaceThatIsBelievedAtOnce() throws InterruptedException {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment region = arena.allocate(PackedInflight.byteSize(SIZE), 8);
            MemorySegment ring = arena.allocate((long) SIZE << PackedDescriptorLayout.SHIFT, 16);
            PackedInflight inflight = new PackedInflight(region, SIZE);
            inflight.begin(3, false);
            AtomicInteger torn = new AtomicInteger();
            Thread other = Thread.ofPlatform().daemon().start(() -> torn.set(lookForTornPlaces(region)));

            for (int i = 0; i < MOVES; i++) {
                inflight.fetched(ring, 0, 1, 0);
                inflight.used(0);
                inflight.publishing(i % 2 == 0 ? 5 : 3, i % 2 == 0);
                inflight.published();
            }
            U64.setRelease(region, PLACE_OFFSET, -1L); // the end
            other.join();

            assertEquals(0, torn.get(), "places that never were");
        }
    }

    private static int lookForTornPlaces(MemorySegment region) {
        int torn = 0;
        while (true) {
            long word = (long) U64.getAcquire(region, PLACE_OFFSET);
            if (word == -1) {
                return torn;
            }
            long old = oldPlace(word);
            torn += old == OLD_PLACES[0] || old == OLD_PLACES[1] ? 0 : 1;
        }
    }

    /** Up to that moment the old place counts, and with it that nothing was used. */
    @Test
    void shouldBelieveTheOldPlaceUntilTheDriverHasSeenTheNew() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment region = arena.allocate(PackedInflight.byteSize(SIZE), 8);
            MemorySegment ring = arena.allocate((long) SIZE << PackedDescriptorLayout.SHIFT, 16);
            // Available in the first round: AVAIL set, USED not.
            ring.set(ValueLayout.JAVA_SHORT, PackedDescriptorLayout.FLAGS_OFFSET, (short) (1 << 7));
            PackedInflight first = new PackedInflight(region, SIZE);
            first.begin(0, true);
            first.fetched(ring, 0, 1, 0);
            first.used(0);
            first.publishing(1, true);

            PackedInflight next = new PackedInflight(region, SIZE);
            assertTrue(next.isUsed());
            next.settle(ring);
            assertEquals(0, next.usedIndex());
            assertEquals(1, next.recover().count(), "still in flight");

            first.publishing(1, true);
            first.published();
            next = new PackedInflight(region, SIZE);
            next.settle(ring);
            assertEquals(1, next.usedIndex());
            assertEquals(0, next.recover().count());
        }
    }

    /** A front end that writes the record while a device takes it over: what was checked is what is used. */
    @Test
    void shouldTakeThePlaceOverThatItChecked() throws InterruptedException {
        try (Arena arena = Arena.ofShared(); GuestMemory memory = GuestMemory.anonymous(1 << 14)) {
            MemorySegment region = arena.allocate(Virtqueue.inflightBytes(SIZE), 8);
            QueueGeometry geometry = new QueueGeometry(SIZE, 0x1000, 0x2000, 0x3000);
            long features = RingFeatures.VERSION_1 | RingFeatures.RING_PACKED;
            AtomicBoolean stop = new AtomicBoolean();
            Thread frontEnd = Thread.ofPlatform().daemon().start(() -> {
                while (!stop.get()) {
                    U16.setOpaque(region, PLACE_OFFSET, (short) -1);
                    U16.setOpaque(region, PLACE_OFFSET, (short) 3);
                }
            });
            int refused = 0;
            int taken = 0;
            try {
                long end = System.nanoTime() + LONG_ENOUGH_NS;
                while ((refused < TAKE_OVERS || taken < TAKE_OVERS) && System.nanoTime() < end) {
                    new PackedInflight(region, SIZE).begin(3, false);
                    Virtqueue device = Virtqueue.create(memory, geometry, features);
                    device.trackInflight(region);
                    refused += device.fault() != null ? 1 : 0;
                    taken += device.fault() == null ? 1 : 0;
                    assertTrue(device.fault() != null || (device.position() & 0x7FFF) < SIZE, () -> "place " + device.position());
                }
            } finally {
                stop.set(true);
                frontEnd.join();
            }
            assertTrue(refused != 0 && taken != 0, "hardly anything changed under the device's eyes");
        }
    }
}
