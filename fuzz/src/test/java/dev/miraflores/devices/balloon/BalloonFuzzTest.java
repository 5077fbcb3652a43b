// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.aio.Counters;
import dev.miraflores.devices.LimitedLog;
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
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each of the balloon's queues under a driver that stores anything anywhere: a turn takes so many pages and no more, memory
 * changes by whole pages that become zero, and by those only where the queue is one that gives pages back (virtio 1.3 §5.5.6).
 */
class BalloonFuzzTest {

    private static final int STORE = 0;
    private static final int DESCRIBE = 1;
    private static final int EXPOSE = 2;
    private static final int SERVE = 3;
    private static final int ASK = 4;
    private static final int CONFIGURE = 5;
    private static final int EVENTS = 6;

    private static final int INFLATE = 0;
    private static final int DEFLATE = 1;
    private static final int STATISTICS = 2;
    private static final int HINTING = 3;
    private static final int REPORTING = 4;
    private static final int QUEUES = 5;

    private static final int SIZE = 16;
    private static final int PAGE = 4096;
    private static final int FIRST_BUFFER = 0x4000;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(SIZE, 0x1000, 0x2000, 0x3000);
    private static final int USED_END = 0x3000 + 6 + 8 * SIZE;
    private static final GuestMemory RAM = GuestMemory.anonymous(0x4_0000).discardable();
    private static final MemorySegment ALL = RAM.slice(0, RAM.byteSize());
    private static final MemorySegment BEFORE = MemorySegment.ofArray(new byte[(int) RAM.byteSize()]);
    private static final EventFd KICK = EventFd.create();
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;

    private final Counters<BalloonCounter> counters = new Counters<>(BalloonCounter.values().length);
    private final LimitedLog log = new LimitedLog(BalloonFuzzTest.class, "fuzz: ");
    private int resetsAsked;
    private int told;
    private int roundsEnded;
    private BalloonConfigSpace config;
    private ServedQueue queue;
    private Virtqueue ring;
    private int kind;

    static Stream<byte[]> seeds() {
        // Page frames: two in a row, one twice, one that is none.
        Seed frames = new Seed().u8(INFLATE, 0, STORE).u16(FIRST_BUFFER).u8(15).u32(0x20, 0x21, 0x20, 0xFFFF_FFFFL);
        describe(frames, 0, FIRST_BUFFER, 16, 0, 0);
        frames.u8(EXPOSE, 0, SERVE);
        // All memory is page frames, in an indirect table; then the queue's own pages go.
        Seed many = new Seed().u8(INFLATE, 1);
        describe(many, 0, FIRST_BUFFER, 0x3_0000, 0, 0);
        many.u8(EXPOSE, 0, SERVE, SERVE, STORE).u16(FIRST_BUFFER).u8(11).u32(1, 2, 3).u8(EXPOSE, 0, SERVE, SERVE);
        Seed back = new Seed().u8(DEFLATE, 0);
        describe(back, 0, FIRST_BUFFER, 4096, 0, 0);
        back.u8(EXPOSE, 0, SERVE);
        Seed statistics = new Seed().u8(STATISTICS, 0, STORE).u16(FIRST_BUFFER).u8(9).u16(4).u64(1 << 20);
        describe(statistics, 0, FIRST_BUFFER, 30, 0, 0);
        statistics.u8(EXPOSE, 0, EXPOSE, 0, SERVE, ASK, SERVE, SERVE);
        Seed hints = new Seed().u8(HINTING, 0, CONFIGURE, 0, 1).u64(2).u8(STORE).u16(FIRST_BUFFER).u8(7).u32(2, 0);
        describe(hints, 0, FIRST_BUFFER, 4, 0, 0);
        describe(hints, 1, 0x1_0000, 0x8000, 2, 0);
        describe(hints, 2, FIRST_BUFFER + 4, 4, 0, 0);
        hints.u8(EXPOSE, 0, EXPOSE, 1, EXPOSE, 2, SERVE);
        Seed reports = new Seed().u8(REPORTING, 2);
        describe(reports, 0, 0x1_0000, 0x2000, 3, 1);
        describe(reports, 1, 0x2_0800, 0x1_0000, 2, 0);
        reports.u8(EXPOSE, 0, SERVE);
        return Stream.of(frames, many, back, statistics, hints, reports).map(Seed::bytes);
    }

    private static void describe(Seed seed, int index, long gpa, int byteSize, int flags, int next) {
        seed.u8(DESCRIBE, index).u64(gpa).u32(byteSize).u16(flags, next);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldChangeWholePagesOrNothing(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        ALL.fill((byte) 0);
        ALL.asSlice(FIRST_BUFFER).fill((byte) 0x5a);
        resetsAsked = 0;
        told = 0;
        roundsEnded = 0;
        start(input.below(QUEUES), input.u8());
        try (Bounds _ = new Bounds()) {
            while (input.hasMore()) {
                switch (input.below(EVENTS)) {
                    case STORE -> RAM.write(input.u16(), input.take(1 + input.below(16)));
                    case DESCRIBE -> RAM.write(GEOMETRY.descGpa() + 16L * input.below(SIZE), input.take(16));
                    case EXPOSE -> expose(input.u8());
                    case ASK -> ask();
                    case CONFIGURE -> configure(input);
                    default -> serve();
                }
            }
            serve();
        }
    }

    private void start(int which, int features) {
        kind = which;
        long accepted = RingFeatures.VERSION_1 | ((features & 1) != 0 ? RingFeatures.EVENT_IDX : 0)
            | ((features & 2) != 0 ? RingFeatures.INDIRECT_DESC : 0);
        ring = Virtqueue.create(RAM, GEOMETRY, accepted);
        DeviceQueue deviceQueue = new DeviceQueue(0, ring, KICK, () -> { });
        DeviceEvents events = new DeviceEvents() {
            @Override
            public void configChanged() {
                throw new AssertionError("a queue changes no configuration by itself");
            }

            @Override
            public void needsReset() {
                resetsAsked++;
            }
        };
        config = new BalloonConfigSpace();
        BalloonPages pages = new BalloonPages(RAM, true, counters, log);
        queue = switch (kind) {
            case INFLATE, DEFLATE -> new PageFrameQueue(deviceQueue, events, pages, counters, kind == INFLATE);
            case STATISTICS -> new StatisticsQueue(deviceQueue, events, _ -> told++);
            case HINTING -> new HintingQueue(deviceQueue, events, config, counters, () -> roundsEnded++);
            default -> new ReportingQueue(deviceQueue, events, pages, config, (features & 4) != 0, counters);
        };
    }

    private void ask() {
        if (queue instanceof StatisticsQueue statistics) {
            statistics.ask();
        }
    }

    private void configure(FuzzInput input) {
        int width = input.width();
        int offset = input.below(BalloonConfigSpace.BYTES - width + 1);
        long value = input.u64();
        config.write(offset, width, value);
        if ((offset & 1) == 0) {
            config.setHintCommand((int) value);
        }
    }

    private static void expose(int head) {
        int idx = ALL.get(U16, GEOMETRY.driverGpa() + 2) & 0xffff;
        ALL.set(U16, GEOMETRY.driverGpa() + 4 + 2L * (idx % SIZE), (short) head);
        ALL.set(U16, GEOMETRY.driverGpa() + 2, (short) (idx + 1));
    }

    private void serve() {
        MemorySegment.copy(ALL, 0, BEFORE, 0, ALL.byteSize());
        long calls = counters.get(BalloonCounter.DISCARDS);
        long heard = told;
        queue.poll();
        queue.endTurn();
        queue.enableEvents();
        calls = counters.get(BalloonCounter.DISCARDS) - calls;
        assertTrue(calls <= PageFrameQueue.TURN_RUNS, calls + " calls in a turn");
        assertTrue(told - heard <= 1, "statistics are read when they were asked for");
        assertEquals(ring.fault() != null ? 1 : 0, resetsAsked);
        assertEquals(0, counters.get(BalloonCounter.DISCARD_ERRORS));
        boolean givesBack = kind == INFLATE || kind == REPORTING;
        for (int page = 0; page < ALL.byteSize(); page += PAGE) {
            // In its page the used ring is the device's to write.
            int from = page == (int) GEOMETRY.deviceGpa() ? USED_END : page;
            if (ALL.asSlice(from, page + PAGE - from).mismatch(BEFORE.asSlice(from, page + PAGE - from)) >= 0) {
                assertTrue(givesBack && isZero(from, page + PAGE), "page " + page / PAGE + " of queue " + kind);
            }
        }
    }

    private static boolean isZero(int from, int end) {
        for (int at = from; at < end; at++) {
            if (ALL.get(ValueLayout.JAVA_BYTE, at) != 0) {
                return false;
            }
        }
        return true;
    }
}
