// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.entropy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The entropy device's queue under a driver that stores anything anywhere: a turn serves a few requests and no more, none gets
 * more than it may, and no byte changes that the used ring does not answer for (virtio 1.3 §5.4.6, §2.7.8.2).
 */
class EntropyFuzzTest {

    private static final int STORE = 0;
    private static final int DESCRIBE = 1;
    private static final int EXPOSE = 2;
    private static final int SERVE = 3;
    private static final int EVENTS = 4;

    private static final int SIZE = 16;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(SIZE, 0x1000, 0x2000, 0x3000);
    private static final int USED_BYTES = 6 + 8 * SIZE;
    private static final GuestMemory RAM = GuestMemory.anonymous(0x4_0000);
    private static final MemorySegment ALL = RAM.slice(0, RAM.byteSize());
    private static final MemorySegment BEFORE = MemorySegment.ofArray(new byte[(int) RAM.byteSize()]);
    /** The used ring as the device left it. */
    private static final MemorySegment USED = MemorySegment.ofArray(new byte[USED_BYTES]);
    private static final EventFd KICK = EventFd.create();
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;

    private final AtomicInteger resetsAsked = new AtomicInteger();
    private Virtqueue ring;
    private EntropyQueue queue;
    private boolean indirect;

    static Stream<byte[]> seeds() {
        Seed one = new Seed().u8(0);
        describe(one, 0, 0x8000, 64, 2, 0);
        one.u8(EXPOSE, 0, SERVE);
        // More than a request may get, in two buffers; more requests than a turn serves.
        Seed much = new Seed().u8(1);
        describe(much, 3, 0x1_0000, 0xf000, 3, 4);
        describe(much, 4, 0x2_0000, 0x2_0000, 2, 0);
        for (int i = 0; i < SIZE; i++) {
            much.u8(EXPOSE, 3);
        }
        much.u8(SERVE, SERVE);
        Seed wrong = new Seed().u8(2);
        describe(wrong, 0, 0x8000, 64, 0, 0);
        describe(wrong, 1, -1, 64, 2, 0);
        describe(wrong, 2, 0x1000, 32, 4, 0);
        wrong.u8(EXPOSE, 0, EXPOSE, 1, EXPOSE, 2, SERVE, STORE).u16(0x2002).u8(1).u16(0x7000).u8(SERVE);
        return Stream.of(one, much, wrong).map(Seed::bytes);
    }

    private static void describe(Seed seed, int index, long gpa, int byteSize, int flags, int next) {
        seed.u8(DESCRIBE, index).u64(gpa).u32(byteSize).u16(flags, next);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldWriteWhatItReports(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        ALL.fill((byte) 0);
        USED.fill((byte) 0);
        resetsAsked.set(0);
        start(input.u8());
        try (Bounds _ = new Bounds()) {
            while (input.hasMore()) {
                switch (input.below(EVENTS)) {
                    case STORE -> RAM.write(input.u16(), input.take(1 + input.below(16)));
                    case DESCRIBE -> RAM.write(GEOMETRY.descGpa() + 16L * input.below(SIZE), input.take(16));
                    case EXPOSE -> expose(input.u8());
                    default -> serve();
                }
            }
            serve();
        }
    }

    private void start(int features) {
        long accepted = RingFeatures.VERSION_1 | ((features & 1) != 0 ? RingFeatures.EVENT_IDX : 0)
            | ((features & 2) != 0 ? RingFeatures.INDIRECT_DESC : 0);
        indirect = (features & 2) != 0;
        ring = Virtqueue.create(RAM, GEOMETRY, accepted);
        queue = new EntropyQueue(new DeviceQueue(0, ring, KICK, () -> { }), new DeviceEvents() {
            @Override
            public void configChanged() {
                throw new AssertionError("there is no configuration");
            }

            @Override
            public void needsReset() {
                resetsAsked.incrementAndGet();
            }
        }, EntropyQuota.UNLIMITED);
    }

    private static void expose(int head) {
        int idx = ALL.get(U16, GEOMETRY.driverGpa() + 2) & 0xffff;
        ALL.set(U16, GEOMETRY.driverGpa() + 4 + 2L * (idx % SIZE), (short) head);
        ALL.set(U16, GEOMETRY.driverGpa() + 2, (short) (idx + 1));
    }

    private void serve() {
        // What a driver stores there a device does not look at, but we do.
        MemorySegment.copy(USED, 0, ALL, GEOMETRY.deviceGpa(), USED_BYTES);
        MemorySegment.copy(ALL, 0, BEFORE, 0, ALL.byteSize());
        int inFlight = ring.inFlight();
        boolean broken = ring.fault() != null;
        queue.poll();
        queue.endTurn();
        assertEquals(inFlight, ring.inFlight());
        assertEquals(ring.fault() != null ? 1 : 0, resetsAsked.get());
        if (broken) {
            assertEquals(-1, ALL.mismatch(BEFORE), "a broken queue is served");
        }
        assertChangesAreReported();
        MemorySegment.copy(ALL, GEOMETRY.deviceGpa(), USED, 0, USED_BYTES);
    }

    /**
     * Where no buffer lies over the queue: the used ring would say anything, and descriptors become others within a turn.
     * Indirect tables may lie anywhere, so not with those.
     */
    private void assertChangesAreReported() {
        if (indirect || buffersCoverQueue()) {
            return;
        }
        int first = BEFORE.get(U16, GEOMETRY.deviceGpa() + 2) & 0xffff;
        int answered = ALL.get(U16, GEOMETRY.deviceGpa() + 2) - first & 0xffff;
        assertTrue(answered <= EntropyQueue.TURN_BUDGET, answered + " requests in a turn");
        long reported = 0;
        for (int i = 0; i < answered; i++) {
            int place = first + i & SIZE - 1;
            int length = ALL.get(U32, GEOMETRY.deviceGpa() + 4 + 8L * place + 4);
            assertTrue(length >= 0 && length <= EntropyQueue.MAX_BYTES, "length " + length);
            reported += length;
        }
        long changed = changed();
        assertTrue(changed <= reported, changed + " bytes changed, " + reported + " reported");
    }

    private static long changed() {
        long changed = 0;
        for (long from = 0; from < ALL.byteSize(); from++) {
            long next = MemorySegment.mismatch(ALL, from, ALL.byteSize(), BEFORE, from, ALL.byteSize());
            if (next < 0) {
                break;
            }
            from += next;
            boolean inUsedRing = from >= GEOMETRY.deviceGpa() && from < GEOMETRY.deviceGpa() + USED_BYTES;
            changed += inUsedRing ? 0 : 1;
        }
        return changed;
    }

    private static boolean buffersCoverQueue() {
        for (int i = 0; i < SIZE; i++) {
            long at = GEOMETRY.descGpa() + 16L * i;
            if (covers(BEFORE, at) || covers(ALL, at)) {
                return true;
            }
        }
        return false;
    }

    private static boolean covers(MemorySegment memory, long at) {
        long gpa = memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
        long byteSize = Integer.toUnsignedLong(memory.get(U32, at + 8));
        return gpa >= 0 && gpa < GEOMETRY.deviceGpa() + USED_BYTES && gpa + byteSize > GEOMETRY.descGpa();
    }
}
