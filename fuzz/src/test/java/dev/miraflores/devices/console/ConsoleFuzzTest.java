// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.devices.character.CharBackend;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.ServedQueue;
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
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The console device's queues, data and control, under a driver that stores anything anywhere, while at the far end somebody
 * comes, types and goes: a turn serves a few buffers and no more, no byte changes that a used ring does not answer for, nothing
 * is received that did not arrive, and the driver is owed a bounded number of messages (virtio 1.3 §5.3.6, §2.7.8.2).
 */
class ConsoleFuzzTest {

    private static final int STORE = 0;
    private static final int DESCRIBE = 1;
    private static final int EXPOSE = 2;
    private static final int SERVE = 3;
    private static final int TYPE = 4;
    private static final int COME = 5;
    private static final int GO = 6;
    private static final int RESIZE = 7;
    private static final int EVENTS = 8;

    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int CONTROL_RECEIVE = 2;
    private static final int CONTROL_TRANSMIT = 3;
    private static final int QUEUES = 4;

    private static final int SIZE = 16;
    private static final long RINGS = 0x1000;
    private static final long QUEUE_BYTES = 0x800;
    private static final int USED_BYTES = 6 + 8 * SIZE;
    private static final GuestMemory RAM = GuestMemory.anonymous(0x2_0000);
    private static final MemorySegment ALL = RAM.slice(0, RAM.byteSize());
    private static final MemorySegment BEFORE = MemorySegment.ofArray(new byte[(int) RAM.byteSize()]);
    /** The used rings as the device left them. */
    private static final MemorySegment USED = MemorySegment.ofArray(new byte[QUEUES * USED_BYTES]);
    private static final EventFd KICK = EventFd.create();
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;

    private final Virtqueue[] rings = new Virtqueue[QUEUES];
    private final ServedQueue[] queues = new ServedQueue[QUEUES];
    private final ConsoleSize size = new ConsoleSize();
    private int resetsAsked;
    private boolean indirect;
    private long arrived;

    static Stream<byte[]> seeds() {
        // Ready for ports; port 1 ready, and open; what it is told; a byte each way.
        Seed talk = new Seed().u8(0, COME);
        say(talk, 0, ConsoleLayout.DEVICE_READY);
        say(talk, 1, ConsoleLayout.PORT_READY);
        describe(talk, CONTROL_RECEIVE, 0, 0x9000, 4096, 2, 0);
        for (int i = 0; i < 6; i++) {
            talk.u8(EXPOSE, CONTROL_RECEIVE, 0, SERVE);
        }
        say(talk, 1, ConsoleLayout.PORT_READY);
        talk.u8(EXPOSE, CONTROL_RECEIVE, 0, SERVE, EXPOSE, CONTROL_RECEIVE, 0, SERVE);
        say(talk, 1, ConsoleLayout.PORT_OPEN);
        describe(talk, RECEIVE, 0, 0xa000, 100, 2, 0);
        talk.u8(TYPE, 200, EXPOSE, RECEIVE, 0, EXPOSE, RECEIVE, 0, SERVE);
        describe(talk, TRANSMIT, 0, 0xb000, 0x1_0000, 0, 0);
        talk.u8(EXPOSE, TRANSMIT, 0, SERVE, GO, SERVE, COME, SERVE, RESIZE, 80, SERVE);
        // Indirect, short, useless and malformed.
        Seed wrong = new Seed().u8(3);
        for (int queue = 0; queue < QUEUES; queue++) {
            describe(wrong, queue, 0, 0x9000, 7, queue % 2 == 0 ? 2 : 0, 0);
            describe(wrong, queue, 1, -1, 64, 2, 0);
            describe(wrong, queue, 2, 0x9000, 32, 4, 0);
            wrong.u8(EXPOSE, queue, 0, EXPOSE, queue, 1, EXPOSE, queue, 2);
        }
        wrong.u8(SERVE, STORE).u16(0x1202).u8(1).u16(0x7000).u8(SERVE);
        return Stream.of(talk, wrong).map(Seed::bytes);
    }

    private static void say(Seed seed, int port, int event) {
        seed.u8(STORE).u16(0x8000).u8(8 - 1).u32(port).u16(event, 1);
        describe(seed, CONTROL_TRANSMIT, 0, 0x8000, 8, 0, 0);
        seed.u8(EXPOSE, CONTROL_TRANSMIT, 0, SERVE);
    }

    private static void describe(Seed seed, int queue, int index, long gpa, int byteSize, int flags, int next) {
        seed.u8(DESCRIBE, queue, index).u64(gpa).u32(byteSize).u16(flags, next);
    }

    private static QueueGeometry geometry(int queue) {
        long at = RINGS + queue * QUEUE_BYTES;
        return new QueueGeometry(SIZE, at, at + 0x200, at + 0x400);
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:endless")
    @Tag("class:memory")
    @Tag("class:selector")
    void shouldAnswerForWhatItWrites(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        ALL.fill((byte) 0);
        USED.fill((byte) 0);
        resetsAsked = 0;
        arrived = 0;
        Host host = new Host();
        try (Port console = new Port(PortConfig.console("console", CharBackend.none()), host);
                Port port = new Port(new PortConfig(1, "one", "org.example.one", CharBackend.none()), host);
                Bounds _ = new Bounds()) {
            ControlState state = start(input.u8(), console, port);
            while (input.hasMore()) {
                switch (input.below(EVENTS)) {
                    case STORE -> RAM.write(input.u16(), input.take(1 + input.below(16)));
                    case DESCRIBE -> RAM.write(geometry(input.below(QUEUES)).descGpa() + 16L * input.below(SIZE), input.take(16));
                    case EXPOSE -> expose(input.below(QUEUES), input.u8());
                    case TYPE -> arrived += port.offer(new byte[256], 0, input.u8());
                    case COME -> port.setOpen(true);
                    case GO -> port.setOpen(false);
                    case RESIZE -> size.set(input.u8(), 25);
                    default -> serveAll();
                }
            }
            serveAll();
            assertTrue(port.status().receivedBytes() <= arrived);
            assertOwesFew(state);
        }
    }

    private ControlState start(int features, Port console, Port port) {
        indirect = (features & 2) != 0;
        long accepted = RingFeatures.VERSION_1 | ((features & 1) != 0 ? RingFeatures.EVENT_IDX : 0)
                | (indirect ? RingFeatures.INDIRECT_DESC : 0);
        Scratch scratch = new Scratch();
        ControlState state = new ControlState(List.of(console, port), (id, open) -> { }, size, true);
        Host events = new Host();
        for (int i = 0; i < QUEUES; i++) {
            rings[i] = Virtqueue.create(RAM, geometry(i), accepted);
            DeviceQueue queue = new DeviceQueue(i, rings[i], KICK, () -> { });
            queues[i] = switch (i) {
                case RECEIVE -> new ReceiveQueue(queue, events, port, scratch);
                case TRANSMIT -> new TransmitQueue(queue, events, port, scratch);
                case CONTROL_RECEIVE -> new ControlReceiveQueue(queue, events, state, scratch);
                default -> new ControlTransmitQueue(queue, events, state);
            };
        }
        return state;
    }

    private static void expose(int queue, int head) {
        long avail = geometry(queue).driverGpa();
        int idx = ALL.get(U16, avail + 2) & 0xffff;
        ALL.set(U16, avail + 4 + 2L * (idx % SIZE), (short) head);
        ALL.set(U16, avail + 2, (short) (idx + 1));
    }

    private void serveAll() {
        for (int queue = 0; queue < QUEUES; queue++) {
            serve(queue);
        }
    }

    private void serve(int queue) {
        long used = geometry(queue).deviceGpa();
        // What a driver stores there a device does not look at, but we do.
        MemorySegment.copy(USED, (long) queue * USED_BYTES, ALL, used, USED_BYTES);
        MemorySegment.copy(ALL, 0, BEFORE, 0, ALL.byteSize());
        boolean broken = rings[queue].fault() != null;
        int asked = resetsAsked;
        queues[queue].poll();
        queues[queue].endTurn();
        assertTrue(rings[queue].inFlight() <= (queue == TRANSMIT ? 1 : 0), "in flight " + rings[queue].inFlight());
        assertEquals(rings[queue].fault() != null && !broken ? 1 : 0, resetsAsked - asked);
        if (broken) {
            assertEquals(-1, ALL.mismatch(BEFORE), "a broken queue is served");
        }
        assertChangesAreReported(queue, used);
        MemorySegment.copy(ALL, used, USED, (long) queue * USED_BYTES, USED_BYTES);
    }

    /**
     * Where no buffer lies over the queues: used rings would say anything, and descriptors become others within a turn.
     * Indirect tables may lie anywhere, so not with those.
     */
    private void assertChangesAreReported(int queue, long used) {
        if (indirect || buffersCoverQueues()) {
            return;
        }
        int first = BEFORE.get(U16, used + 2) & 0xffff;
        int answered = ALL.get(U16, used + 2) - first & 0xffff;
        assertTrue(answered <= ReceiveQueue.TURN_BUDGET, answered + " buffers in a turn");
        long reported = 0;
        for (int i = 0; i < answered; i++) {
            int length = ALL.get(U32, used + 4 + 8L * (first + i & SIZE - 1) + 4);
            assertTrue(length >= 0 && length <= (queue % 2 == 0 ? Port.INPUT_BYTES : 0), "queue " + queue + ", length " + length);
            reported += length;
        }
        long changed = changed(used);
        assertTrue(changed <= reported, changed + " bytes changed, " + reported + " reported");
    }

    private static long changed(long used) {
        long changed = 0;
        for (long from = 0; from < ALL.byteSize(); from++) {
            long next = MemorySegment.mismatch(ALL, from, ALL.byteSize(), BEFORE, from, ALL.byteSize());
            if (next < 0) {
                break;
            }
            from += next;
            changed += from >= used && from < used + USED_BYTES ? 0 : 1;
        }
        return changed;
    }

    private static boolean buffersCoverQueues() {
        for (int i = 0; i < QUEUES * SIZE; i++) {
            long at = geometry(i / SIZE).descGpa() + 16L * (i % SIZE);
            if (covers(BEFORE, at) || covers(ALL, at)) {
                return true;
            }
        }
        return false;
    }

    private static boolean covers(MemorySegment memory, long at) {
        long gpa = memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
        long byteSize = Integer.toUnsignedLong(memory.get(U32, at + 8));
        return gpa >= 0 && gpa < RINGS + QUEUES * QUEUE_BYTES && gpa + byteSize > RINGS;
    }

    /** Two ports: each is added, and told what it is, its name or size, and who came and went. */
    private static void assertOwesFew(ControlState state) {
        MemorySegment into = MemorySegment.ofArray(new byte[Scratch.BYTES]);
        int owed = 0;
        while (state.hasMessage()) {
            assertTrue(state.putMessage(into) >= ConsoleLayout.HEADER_BYTES);
            assertTrue(++owed <= 10, "messages without end");
        }
    }

    private final class Host implements Port.Host, DeviceEvents {

        @Override
        public void wake() {
        }

        @Override
        public void wakeAt(long deadlineNs) {
        }

        @Override
        public void resized(int columns, int rows) {
        }

        @Override
        public void configChanged() {
            throw new AssertionError("not of a queue");
        }

        @Override
        public void needsReset() {
            resetsAsked++;
        }
    }
}
