// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.memory.GuestMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A front end writes what it likes into the record of what is in flight, and into the rings, and has devices end and take over
 * at any time: what is handed out lies in guest memory, no more of it than the queue holds, and all that can go wrong is
 * {@link DriverFault#INFLIGHT_INVALID} or what a driver's fault is without a record ("Inflight I/O tracking").
 */
class InflightFuzzTest {

    private static final int SIZE = 8;
    private static final long DESC_GPA = 0x1000;
    private static final long DRIVER_GPA = 0x2000;
    private static final long DEVICE_GPA = 0x3000;
    private static final long[] PLACES = {DESC_GPA, DRIVER_GPA, DEVICE_GPA};
    private static final QueueGeometry GEOMETRY = new QueueGeometry(SIZE, DESC_GPA, DRIVER_GPA, DEVICE_GPA);
    private static final GuestMemory MEMORY = GuestMemory.anonymous(1 << 16);
    private static final MemorySegment RAM = MEMORY.slice(0, 1 << 16);
    private static final MemorySegment RECORD = Arena.global().allocate(Virtqueue.inflightBytes(SIZE), 64);

    private static final int WRITE_RECORD = 0;
    private static final int WRITE_RING = 1;
    private static final int MAKE_AVAILABLE = 2;
    private static final int POP = 3;
    private static final int USE = 4;
    private static final int PUBLISH = 5;
    private static final int TAKE_OVER = 6;
    private static final int END = 7;
    private static final int STEPS = 8;

    private Virtqueue device;
    private long features;
    private int made;
    private final List<Integer> popped = new ArrayList<>();

    static Stream<byte[]> seeds() {
        return Stream.of(0, 1, 2, 4, 8, 9).map(features -> {
            Seed seed = new Seed().u8(features);
            for (int i = 0; i < 3; i++) {
                seed.u8(MAKE_AVAILABLE, i).u16(0x100 * i).u32(64).u16(i == 1 ? 1 : 2).u8(i + 1, POP);
            }
            seed.u8(USE, 1, PUBLISH, TAKE_OVER).u16(0).u8(POP, POP, WRITE_RECORD).u16(16).u8(1, 3, 0, TAKE_OVER).u16(0);
            seed.u8(POP, USE, 0, WRITE_RING, 2).u16(2).u8(1, 5, 0, PUBLISH, TAKE_OVER).u16(0x8002);
            return seed.u8(POP, USE, 0, POP, USE, 0, POP, USE, 0, PUBLISH, END, TAKE_OVER).u16(3).bytes();
        });
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:vhost-user")
    void shouldHandOutNothingButWhatADriverMay(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        RECORD.fill((byte) 0);
        RAM.asSlice(DESC_GPA, DEVICE_GPA + 0x1000 - DESC_GPA).fill((byte) 0);
        int chosen = input.u8();
        features = RingFeatures.VERSION_1 | ((chosen & 1) != 0 ? RingFeatures.RING_PACKED : 0)
            | ((chosen & 2) != 0 ? RingFeatures.INDIRECT_DESC : 0) | ((chosen & 4) != 0 ? RingFeatures.EVENT_IDX : 0)
            | ((chosen & 8) != 0 ? RingFeatures.IN_ORDER : 0);
        made = 0;
        takeOver(Virtqueue.freshPosition(features));
        try (Bounds _ = new Bounds()) {
            while (input.hasMore()) {
                step(input);
            }
        }
    }

    private void step(FuzzInput input) {
        switch (input.below(STEPS)) {
            case WRITE_RECORD -> write(RECORD, input.below((int) RECORD.byteSize()), input);
            case WRITE_RING -> write(RAM, PLACES[input.below(PLACES.length)] + input.below(256), input);
            case MAKE_AVAILABLE -> makeAvailable(input);
            case POP -> pop();
            case USE -> use(input.u8());
            case PUBLISH -> device.needsNotification();
            case TAKE_OVER -> takeOver(input.u16() & (1 << 15 | SIZE - 1));
            default -> {
                while (!popped.isEmpty()) {
                    use(0);
                }
                device.publish();
                device.endInflight();
            }
        }
    }

    private static void write(MemorySegment where, long offset, FuzzInput input) {
        long value = input.number(1 << (input.u8() & 3));
        for (int i = 0; i < 8 && offset + i < where.byteSize() && value >>> 8 * i != 0; i++) {
            where.set(ValueLayout.JAVA_BYTE, offset + i, (byte) (value >>> 8 * i));
        }
    }

    /** A descriptor, and with a split queue an available element for it. */
    private void makeAvailable(FuzzInput input) {
        int index = input.below(SIZE);
        long at = DESC_GPA + 16L * index;
        RAM.set(GuestAccess.LONG, at, input.u16());
        RAM.set(GuestAccess.INT, at + 8, (int) input.u32());
        int flags = input.u16();
        int last = input.u8();
        if ((features & RingFeatures.RING_PACKED) != 0) {
            RAM.set(GuestAccess.SHORT, at + 12, (short) last);
            RAM.set(GuestAccess.SHORT, at + 14, (short) (flags ^ 1 << 7));
        } else {
            RAM.set(GuestAccess.SHORT, at + 12, (short) flags);
            RAM.set(GuestAccess.SHORT, at + 14, (short) last);
            RAM.set(GuestAccess.SHORT, DRIVER_GPA + 4 + 2L * (made % SIZE), (short) index);
            RAM.set(GuestAccess.SHORT, DRIVER_GPA + 2, (short) ++made);
        }
    }

    private void pop() {
        boolean wasOver = device.fault() != null;
        DescriptorChain chain = device.popChain();
        if (chain == null) {
            return;
        }
        assertTrue(!wasOver, "a buffer of a queue that is at its end");
        popped.add(chain.head());
        assertTrue(popped.size() <= SIZE && device.inFlight() <= SIZE, () -> popped.size() + " in flight");
        assertTrue(chain.head() >= 0 && chain.head() < SIZE);
        for (int i = 0; chain.fault() == null && i < chain.count(); i++) {
            assertNotNull(MEMORY.find(chain.address(i), chain.length(i)));
        }
    }

    private void use(int place) {
        if (!popped.isEmpty()) {
            device.addUsed(popped.remove(place % popped.size()), 1);
        }
    }

    /** The device has gone as it stood; another one goes on from what the record says by now. */
    private void takeOver(int position) {
        popped.clear();
        device = Virtqueue.create(MEMORY, GEOMETRY, features, position);
        device.trackInflight(RECORD);
        if (device.fault() != null) {
            assertTrue(device.fault() == DriverFault.INFLIGHT_INVALID && (features & RingFeatures.RING_PACKED) != 0);
            assertNull(device.popChain());
        }
    }
}
