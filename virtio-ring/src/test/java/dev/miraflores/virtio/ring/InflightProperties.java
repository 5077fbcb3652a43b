// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/**
 * A device that ends at any time, and another one that goes on from what the first has noted: no buffer is lost, none is seen
 * used twice, and what was in flight is done again in the order it was popped in ("Inflight I/O tracking").
 */
class InflightProperties {

    private static final int SIZE = 8;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(SIZE, 0, 0x1000, 0x2000);
    private static final long DATA = 0x4000;
    private static final long TABLES = 0x8000;
    private static final int STRIDE = 64;

    private final class Run implements AutoCloseable {
        private final Arena arena = Arena.ofConfined();
        private final GuestMemory memory = GuestMemory.anonymous(1 << 16);
        private final MemorySegment region = arena.allocate(Virtqueue.inflightBytes(SIZE), 64);
        private final long features;
        private final VirtqueueDriver driver;
        private final BufferElements elements = new BufferElements();
        private Virtqueue device;
        private int position;

        private int added;
        private final Map<Integer, Integer> tokenOfId = new HashMap<>();
        private final Set<Integer> seenUsed = new HashSet<>();
        /** Popped and not given back: token, and what the device calls it. */
        private final List<int[]> popped = new ArrayList<>();
        /** Popped and not known to the driver as used, in the order of popping. */
        private final List<Integer> inFlight = new ArrayList<>();
        /** Given back, with VIRTIO_F_IN_ORDER together with all popped before them. */
        private final List<Integer> unpublished = new ArrayList<>();
        /** Given back before one that was popped before them. */
        private final Set<Integer> early = new HashSet<>();

        Run(long features) {
            this.features = features;
            this.driver = VirtqueueDriver.create(memory, GEOMETRY, features);
            this.position = Virtqueue.freshPosition(features);
            start();
        }

        private void start() {
            device = Virtqueue.create(memory, GEOMETRY, features, position);
            device.trackInflight(region);
            assertNull(device.fault());
        }

        void add(int buffers) {
            int token = added % 512;
            elements.clear();
            for (int i = 0; i < buffers; i++) {
                elements.writable(DATA + (long) STRIDE * token / 8 + i, 1);
            }
            if (driver.freeDescriptors() < buffers) {
                return;
            }
            int id = buffers == 3 && (features & RingFeatures.INDIRECT_DESC) != 0
                ? driver.addIndirect(elements, TABLES + (long) STRIDE * token) : driver.add(elements);
            if (id >= 0) {
                assertNull(tokenOfId.put(id, added), "id in use");
                driver.publish();
                added++;
            }
        }

        void pop() {
            DescriptorChain chain = device.popChain();
            assertNull(device.fault());
            if (chain != null) {
                assertNull(chain.fault());
                // The order in which the driver made them available is the token's.
                int token = tokenOfId.get(chain.head());
                assertEquals(DATA + (long) STRIDE * (token % 512) / 8, chain.address(0));
                popped.add(new int[] {token, chain.head()});
                if (!inFlight.contains(token)) {
                    inFlight.add(token);
                }
            }
        }

        void use(boolean last) {
            if (!popped.isEmpty()) {
                int[] one = popped.remove(last ? popped.size() - 1 : 0);
                device.addUsed(one[1], 1);
                givenBack(one[0]);
                if ((features & RingFeatures.RING_PACKED) != 0) {
                    inFlight.removeAll(unpublished); // published one by one
                    unpublished.clear();
                }
            }
        }

        private void givenBack(int token) {
            if ((features & RingFeatures.IN_ORDER) == 0) {
                unpublished.add(token);
                return;
            }
            early.add(token);
            while (unpublished.size() < inFlight.size() && early.remove(inFlight.get(unpublished.size()))) {
                unpublished.add(inFlight.get(unpublished.size()));
            }
        }

        void publish() {
            device.needsNotification();
            inFlight.removeAll(unpublished);
            unpublished.clear();
            seeUsed();
        }

        private void seeUsed() {
            for (int id = driver.pollUsed(); id >= 0; id = driver.pollUsed()) {
                Integer token = tokenOfId.remove(id);
                assertNotNull(token, "used twice");
                assertEquals(1, driver.usedBytes());
                seenUsed.add(token);
            }
        }

        void crash() {
            popped.clear();
            unpublished.clear();
            early.clear();
            seeUsed();
            List<Integer> again = List.copyOf(inFlight);
            inFlight.clear();
            start();
            for (int i = 0; i < again.size(); i++) {
                pop();
            }
            assertEquals(again, inFlight, "done again in order");
        }

        /** Stopped in good order, and started by who knows no more than where it stopped. */
        void restart() {
            while (!popped.isEmpty()) {
                use(false);
            }
            publish();
            position = device.position();
            device.endInflight();
            start();
        }

        void finish() {
            for (int i = 0; i < 4 * SIZE; i++) {
                pop();
                use(false);
                publish();
            }
            assertEquals(added, seenUsed.size());
            assertEquals(Map.of(), tokenOfId);
        }

        @Override
        public void close() {
            memory.close();
            arena.close();
        }
    }

    @Property(tries = 400)
    void shouldLoseNothingOfASplitQueue(
            @ForAll boolean eventIdx, @ForAll boolean inOrder,
            @ForAll @Size(max = 150) List<@IntRange(max = 15) Integer> steps) {
        run(RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | (eventIdx ? RingFeatures.EVENT_IDX : 0)
            | (inOrder ? RingFeatures.IN_ORDER : 0), steps);
    }

    @Property(tries = 400)
    void shouldLoseNothingOfAPackedQueue(
            @ForAll boolean eventIdx, @ForAll boolean inOrder,
            @ForAll @Size(max = 150) List<@IntRange(max = 15) Integer> steps) {
        run(RingFeatures.VERSION_1 | RingFeatures.INDIRECT_DESC | RingFeatures.RING_PACKED
            | (eventIdx ? RingFeatures.EVENT_IDX : 0) | (inOrder ? RingFeatures.IN_ORDER : 0), steps);
    }

    private void run(long features, List<Integer> steps) {
        try (Run run = new Run(features)) {
            for (int step : steps) {
                switch (step) {
                    case 0, 1, 2, 3, 4 -> run.add(1 + step % 3);
                    case 5, 6, 7, 8 -> run.pop();
                    case 9 -> run.use(false);
                    case 10, 11 -> run.use(true);
                    case 12, 13 -> run.publish();
                    case 14 -> run.crash();
                    default -> run.restart();
                }
            }
            run.finish();
        }
    }

    /** The driver has seen the batch, but the process ended before it was noted: the list of the batch tells. */
    @Property(tries = 50)
    void shouldNotDoAgainWhatTheDriverHasSeenOfASplitQueue(@ForAll @IntRange(min = 1, max = 4) int batch) {
        long features = RingFeatures.VERSION_1;
        try (Run run = new Run(features); Arena arena = Arena.ofConfined()) {
            for (int i = 0; i < 6; i++) {
                run.add(1);
                run.pop();
            }
            for (int i = 0; i < batch; i++) {
                run.use(i % 2 == 0);
            }
            MemorySegment before = arena.allocate(run.region.byteSize());
            before.copyFrom(run.region);
            run.publish();
            run.region.copyFrom(before);
            run.crash();
            run.finish();
        }
    }

    /** What a front end writes to the record, which is its memory too, costs it its queue at most. */
    @Property(tries = 500)
    void shouldSurviveAnyRecord(
            @ForAll boolean packed, @ForAll @Size(min = 16, max = 320) byte[] record, @ForAll boolean valid) {
        long features = RingFeatures.VERSION_1 | (packed ? RingFeatures.RING_PACKED : 0);
        try (GuestMemory memory = GuestMemory.anonymous(1 << 16); Arena arena = Arena.ofConfined()) {
            MemorySegment region = arena.allocate(Virtqueue.inflightBytes(SIZE), 64);
            MemorySegment.copy(record, 0, region, ValueLayout.JAVA_BYTE, 0, (int) Math.min(record.length, region.byteSize()));
            if (valid) {
                region.set(ValueLayout.JAVA_SHORT, 8, (short) 1);
                region.set(ValueLayout.JAVA_SHORT, 10, (short) SIZE);
            }
            Virtqueue device = Virtqueue.create(memory, GEOMETRY, features);
            device.trackInflight(region);
            for (int i = 0; i < 2 * SIZE; i++) {
                DescriptorChain chain = device.popChain();
                if (chain != null) {
                    device.addUsed(chain.head(), 0);
                    device.needsNotification();
                }
            }
            device.endInflight();
        }
    }

    private static Virtqueue packed(GuestMemory memory, int position, MemorySegment region) {
        Virtqueue device = Virtqueue.create(memory, GEOMETRY, RingFeatures.VERSION_1 | RingFeatures.RING_PACKED, position);
        device.trackInflight(region);
        return device;
    }

    @Test
    void shouldRefuseAPlaceOutsideOfThePackedRing() {
        try (GuestMemory memory = GuestMemory.anonymous(1 << 16); Arena arena = Arena.ofConfined()) {
            MemorySegment region = arena.allocate(Virtqueue.inflightBytes(SIZE), 64);
            packed(memory, 3, region);
            for (int place : new int[] {SIZE - 1, SIZE, 0xFFFF}) {
                region.set(ValueLayout.JAVA_SHORT, 16, (short) place);
                region.set(ValueLayout.JAVA_SHORT, 18, (short) place);
                Virtqueue device = packed(memory, 3, region);
                assertEquals(place < SIZE ? null : DriverFault.INFLIGHT_INVALID, device.fault());
                assertEquals(place < SIZE ? place : 3, device.position());
            }
        }
    }

    /** Who is stopped in order leaves it to its front end to say where the next one begins. */
    @Test
    void shouldBelieveTheFrontEndAfterAnEndInOrder() {
        int other = 5 | 0x8000;
        try (GuestMemory memory = GuestMemory.anonymous(1 << 16); Arena arena = Arena.ofConfined()) {
            MemorySegment region = arena.allocate(Virtqueue.inflightBytes(SIZE), 64);
            VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, RingFeatures.VERSION_1 | RingFeatures.RING_PACKED);
            int start = Virtqueue.freshPosition(RingFeatures.RING_PACKED);
            Virtqueue device = packed(memory, start, region);
            driver.add(new BufferElements().readable(DATA, 1));
            driver.publish();
            int head = device.popChain().head();
            device.endInflight();
            assertEquals(1 | start, packed(memory, other, region).position(), "one is in flight");

            device = packed(memory, other, region);
            assertTrue(device.hasAvailable());
            assertEquals(head, device.popChain().head());
            device.addUsed(head, 0);
            device.publish();
            assertEquals(1 | start, packed(memory, other, region).position(), "its end did not come");
            device.endInflight();
            assertEquals(other, packed(memory, other, region).position());
        }
    }
}
