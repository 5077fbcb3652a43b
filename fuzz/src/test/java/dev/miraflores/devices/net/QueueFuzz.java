// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.LimitedLog;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.List;

/**
 * A queue whose driver stores anything anywhere, and a back end on the same thread. What the device may write to is kept: the used ring,
 * and what any descriptor has said at any time that is device-writable.
 */
final class QueueFuzz {

    static final int SIZE = 16;
    static final long DESCRIPTORS = 0x1000;
    static final long AVAIL = 0x2000;
    static final long USED = 0x3000;
    static final int RAM_BYTES = 0x4_0000;

    private static final QueueGeometry GEOMETRY = new QueueGeometry(SIZE, DESCRIPTORS, AVAIL, USED);
    private static final int USED_BYTES = 6 + 8 * SIZE;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

    private static final GuestMemory RAM = GuestMemory.anonymous(RAM_BYTES);
    static final MemorySegment ALL = RAM.slice(0, RAM_BYTES);
    private static final MemorySegment BEFORE = MemorySegment.ofArray(new byte[RAM_BYTES]);
    private static final EventFd KICK = EventFd.create();

    final NetCounters counters = new NetCounters();
    final PortRun run;
    final DeviceQueue queue;
    private final BitSet writable = new BitSet(RAM_BYTES);
    private boolean anythingGoes;
    int resetsAsked;

    QueueFuzz(long features) {
        ALL.fill((byte) 0);
        queue = new DeviceQueue(0, Virtqueue.create(RAM, GEOMETRY, features), KICK, () -> { });
        DeviceEvents events = new DeviceEvents() {
            @Override
            public void configChanged() {
                throw new AssertionError("a queue changes no configuration");
            }

            @Override
            public void needsReset() {
                resetsAsked++;
            }
        };
        run = new PortRun(new VirtioActivation(features, RAM, List.of(queue), events), new QueuePair[0], 0,
            new LimitedLog(QueueFuzz.class, "fuzz: "));
    }

    /** Offloads and what else a byte says. */
    static long features(int choice) {
        return RingFeatures.VERSION_1 | ((choice & 1) != 0 ? RingFeatures.EVENT_IDX : 0)
            | ((choice & 2) != 0 ? RingFeatures.INDIRECT_DESC : 0) | ((choice & 4) != 0 ? NetFeatures.OFFLOADS : 0)
            | ((choice & 8) != 0 ? NetFeatures.MRG_RXBUF : 0) | ((choice & 16) != 0 ? NetFeatures.HASH_REPORT : 0)
            | ((choice & 32) != 0 ? NetFeatures.CSUM | NetFeatures.HOST_TSO4 | NetFeatures.GUEST_CSUM | NetFeatures.GUEST_TSO4 : 0);
    }

    static NetState state(long features) {
        return new NetState(1, NetFeatures.effectiveGuestOffloads(features), true, ReceiveFilter.initial(1, false), HashConfig.NONE);
    }

    void store(FuzzInput input) {
        long at = input.u16();
        byte[] bytes = input.take(1 + input.below(32));
        MemorySegment.copy(bytes, 0, ALL, ValueLayout.JAVA_BYTE, at, bytes.length);
    }

    void describe(FuzzInput input) {
        byte[] bytes = input.take(16);
        MemorySegment.copy(bytes, 0, ALL, ValueLayout.JAVA_BYTE, DESCRIPTORS + 16L * input.below(SIZE), bytes.length);
    }

    void expose(int head) {
        int idx = ALL.get(U16, AVAIL + 2) & 0xffff;
        ALL.set(U16, AVAIL + 4 + 2L * (idx % SIZE), (short) head);
        ALL.set(U16, AVAIL + 2, (short) (idx + 1));
    }

    /** Before the device works. */
    void before() {
        for (int i = 0; i < SIZE; i++) {
            long at = DESCRIPTORS + 16L * i;
            int flags = ALL.get(U16, at + 12);
            long gpa = ALL.get(U64, at);
            long byteSize = Integer.toUnsignedLong(ALL.get(U32, at + 8));
            anythingGoes |= (flags & INDIRECT) != 0;
            if ((flags & WRITE) != 0 && gpa >= 0 && gpa < RAM_BYTES) {
                writable.set((int) gpa, (int) Math.min(RAM_BYTES, gpa + byteSize));
            }
        }
        anythingGoes |= writable.nextSetBit((int) DESCRIPTORS) < USED + USED_BYTES && writable.nextSetBit((int) DESCRIPTORS) >= 0;
        MemorySegment.copy(ALL, 0, BEFORE, 0, RAM_BYTES);
    }

    /** And after. */
    void after() {
        assertEquals(queue.ring().fault() != null ? 1 : 0, resetsAsked);
        if (anythingGoes) {
            return; // tables lie anywhere, or a buffer lies over the queue
        }
        for (long from = 0; from < RAM_BYTES; from++) {
            long next = MemorySegment.mismatch(ALL, from, RAM_BYTES, BEFORE, from, RAM_BYTES);
            if (next < 0) {
                break;
            }
            from += next;
            boolean inUsedRing = from >= USED && from < USED + USED_BYTES;
            assertTrue(inUsedRing || writable.get((int) from), "byte " + Long.toHexString(from) + " changed");
        }
    }

    static void describe(Seed seed, int operation, int index, long gpa, int byteSize, int flags, int next) {
        seed.u8(operation).u64(gpa).u32(byteSize).u16(flags, next).u8(index);
    }
}
