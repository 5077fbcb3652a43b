// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.List;

/**
 * The device's side of a queue over memory, geometry and a course of events that an input chooses.
 * <p>What holds: nothing is thrown; a queue that {@link Virtqueue#check} refuses is not made; every element is guest
 * memory; chains in flight and chains per turn never exceed Queue Size; a fault stays; and of guest memory only the
 * parts that the device writes by the specification have changed that the driver did not change.
 * <pre>  0x0_0000   64 KiB     0x1_0000   4 KiB, touching     0x10_0000   4 KiB, apart </pre>
 */
final class HostileQueue {

    static final int POP = 0;
    static final int USE = 1;
    static final int NOTIFY = 2;
    static final int ENABLE = 3;
    static final int DISABLE = 4;
    static final int DRAIN = 5;
    static final int STORE = 6;
    static final int DESCRIBE = 7;
    static final int EXPOSE = 8;
    private static final int EVENTS = 9;

    private static final int LOW_BYTES = 0x1_0000;
    private static final int HIGH_GPA = 0x10_0000;
    private static final int PAGE_BYTES = 0x1000;
    private static final GuestMemory MEMORY = GuestMemory.of(List.of(GuestMemoryRegion.anonymous(0, LOW_BYTES),
        GuestMemoryRegion.anonymous(LOW_BYTES, PAGE_BYTES), GuestMemoryRegion.anonymous(HIGH_GPA, PAGE_BYTES)));

    /** What the driver has stored, by region. */
    private final List<MemorySegment> expected = MEMORY.regions().stream()
        .map(region -> MemorySegment.ofArray(new byte[(int) region.byteSize()])).toList();
    private final FuzzInput input;
    private final boolean packed;
    private final long features;
    private final QueueGeometry geometry;
    private final ArrayDeque<Integer> inFlight = new ArrayDeque<>();
    private Virtqueue queue;

    HostileQueue(boolean packed, byte[] bytes) {
        this.packed = packed;
        this.input = new FuzzInput(bytes);
        MEMORY.regions().forEach(region -> region.segment().fill((byte) 0));
        this.features = (packed ? RingFeatures.RING_PACKED : 0) | RingFeatures.VERSION_1
            | input.among(0, RingFeatures.EVENT_IDX, RingFeatures.INDIRECT_DESC,
                RingFeatures.EVENT_IDX | RingFeatures.INDIRECT_DESC);
        this.geometry = new QueueGeometry(input.u16(), input.u32(), input.u32(), input.u32());
    }

    /** A queue of {@code size} with its parts a page each, in this order. */
    static Seed seed(int size, int features) {
        return new Seed().u8(features).u16(size).u32(0x1000, 0x2000, 0x3000).u16(0);
    }

    void run() {
        int start = input.u16();
        if (Virtqueue.check(MEMORY, geometry, features) != null) {
            return;
        }
        int position = packed ? start % geometry.size() | start & 0x8000 : start;
        queue = Virtqueue.create(MEMORY, geometry, features, position);
        try (Bounds _ = new Bounds()) {
            while (input.hasMore()) {
                happen(input.below(EVENTS));
            }
            drain();
            queue.publish();
        }
        assertOnlyDevicePartsChanged();
    }

    private void happen(int event) {
        switch (event) {
            case POP -> pop();
            case USE -> use();
            case NOTIFY -> queue.needsNotification();
            case ENABLE -> queue.enableNotifications();
            case DISABLE -> queue.disableNotifications();
            case DRAIN -> drain();
            case STORE -> store(input.u32(), input.take(1 + input.below(16)));
            case DESCRIBE -> store(geometry.descGpa() + 16L * input.below(geometry.size()), input.take(16));
            default -> expose();
        }
        assertTrue(queue.inFlight() == inFlight.size() && inFlight.size() <= queue.size());
    }

    private boolean pop() {
        boolean available = queue.hasAvailable();
        DriverFault before = queue.fault();
        DescriptorChain chain = queue.popChain();
        if (chain == null) {
            assertTrue(before == null || before == queue.fault(), "a fault went away");
            assertTrue(!available || queue.fault() != null, "available and not popped");
            return false;
        }
        inFlight.add(chain.head());
        assertTrue(available && chain.head() >= 0 && chain.head() < queue.size());
        assertTrue(chain.count() <= queue.size());
        assertTrue(chain.fault() == null || chain.count() == 0 && !chain.fault().endsQueue());
        long bytes = 0;
        for (int i = 0; i < chain.count(); i++) {
            GuestMemoryRegion region = MEMORY.find(chain.address(i), chain.length(i));
            assertNotNull(region);
            assertEquals(region.hostAddress() + chain.address(i) - region.gpa(), chain.hostAddress(i));
            bytes += chain.length(i);
        }
        assertEquals(bytes, chain.readableBytes() + chain.writableBytes());
        return true;
    }

    private void use() {
        if (!inFlight.isEmpty()) {
            queue.addUsed((input.u8() & 1) == 0 ? inFlight.removeFirst() : inFlight.removeLast(), (int) input.u32());
        }
    }

    /** Takes all there is without giving any back: no more than fit. */
    private void drain() {
        int popped = 0;
        while (pop()) {
            popped++;
        }
        assertTrue(popped <= queue.size());
        assertNull(queue.popChain());
    }

    /** What a split queue's driver does to make a head available; nothing to a packed one. */
    private void expose() {
        byte[] idx = new byte[2];
        if (!packed && MEMORY.read(geometry.driverGpa() + AvailRingLayout.IDX_OFFSET, idx)) {
            int value = idx[0] & 0xff | (idx[1] & 0xff) << 8;
            int head = input.u8();
            store(geometry.driverGpa() + AvailRingLayout.entryOffset(value & geometry.size() - 1),
                new byte[] {(byte) head, 0});
            store(geometry.driverGpa() + AvailRingLayout.IDX_OFFSET,
                new byte[] {(byte) (value + 1), (byte) (value + 1 >>> 8)});
        }
    }

    /** The driver stores; where that is not memory nothing happens. */
    private void store(long gpa, byte[] bytes) {
        if (MEMORY.write(gpa, bytes)) {
            GuestMemoryRegion region = MEMORY.find(gpa, bytes.length);
            MemorySegment.copy(bytes, 0, expected.get(MEMORY.regions().indexOf(region)), ValueLayout.JAVA_BYTE,
                gpa - region.gpa(), bytes.length);
        }
    }

    private void assertOnlyDevicePartsChanged() {
        forgive(geometry.deviceGpa(), packed ? EventSuppressionLayout.BYTES
            : UsedRingLayout.byteSize(geometry.size()));
        if (packed) {
            forgive(geometry.descGpa(), (long) PackedDescriptorLayout.BYTES * geometry.size());
        }
        for (int i = 0; i < expected.size(); i++) {
            GuestMemoryRegion region = MEMORY.regions().get(i);
            assertEquals(-1, region.segment().mismatch(expected.get(i)), region.toString());
        }
    }

    private void forgive(long gpa, long byteSize) {
        GuestMemoryRegion region = MEMORY.find(gpa, byteSize);
        MemorySegment.copy(region.segment(), gpa - region.gpa(),
            expected.get(MEMORY.regions().indexOf(region)), gpa - region.gpa(), byteSize);
    }
}
