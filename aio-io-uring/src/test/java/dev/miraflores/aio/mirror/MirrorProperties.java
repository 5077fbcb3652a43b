// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;

/** Guests on several queues and threads write, overlapping one another, while the disk is mirrored. */
class MirrorProperties {

    /** Small, so that much overlaps; or large, so that no later write covers up what an earlier one left behind. */
    private static final int[] COMMON_BYTES = {192 * 1024, 4 << 20};
    private static final int STRIPE_BYTES = 64 * 1024;
    private static final int DEPTH = 6;
    private static final MirrorConfig CONFIG = new MirrorConfig(4096, 16 * 1024, 4, 0, 60_000_000_000L, true);

    private final class Run implements AutoCloseable {
        final Random random;
        final Arena arena = Arena.ofShared();
        final MemoryDisk source;
        final MemoryDisk target;
        final TestDisk disk;
        final List<TestGuest> guests = new ArrayList<>();
        byte[] sourceThen;
        byte[] targetThen;
        boolean overlappedThen;

        Run(long seed, int threads, int queues, boolean faults) {
            random = new Random(seed);
            int common = COMMON_BYTES[random.nextInt(COMMON_BYTES.length)];
            // An end that is in the middle of a granule.
            long bytes = common + (long) queues * STRIPE_BYTES + 1536;
            source = new MemoryDisk(arena, bytes, random.nextLong());
            target = new MemoryDisk(arena, bytes + (random.nextBoolean() ? 0 : 8192), random.nextLong());
            source.bytes.fill((byte) 0x11);
            target.bytes.fill((byte) 0x77);
            source.delay = random.nextInt(6);
            target.delay = random.nextInt(6);
            source.ignoresDiscards = random.nextBoolean();
            MemorySegment memory = arena.allocate(TestGuest.memoryBytes(DEPTH) * queues, 4096);
            disk = new TestDisk(source, IoMemory.of(List.of(memory)), null, threads, queues);
            disk.atMoment = () -> {
                sourceThen = source.content();
                targetThen = target.content();
                overlappedThen = target.overlapped.get();
            };
            for (int i = 0; i < queues; i++) {
                guests.add(new TestGuest(disk.queues.get(i), random.nextLong(),
                    memory.asSlice(TestGuest.memoryBytes(DEPTH) * i, TestGuest.memoryBytes(DEPTH)), arena, DEPTH,
                    common, common + (long) i * STRIPE_BYTES, STRIPE_BYTES, faults));
            }
        }

        MirrorJob mirror() {
            return MirrorJob.start(disk, target, CONFIG, MirrorListener.NONE);
        }

        void letRun() {
            LockSupport.parkNanos(random.nextInt(5_000_000));
        }

        void awaitReady(MirrorJob job) throws InterruptedException {
            assertTrue(job.awaitReady(60, TimeUnit.SECONDS), () -> job.state() + " " + job.failure());
        }

        void assertSame() {
            assertArrayEquals(sourceThen, Arrays.copyOf(targetThen, sourceThen.length));
            assertFalse(overlappedThen, "two writes to one place of the target at once");
        }

        @Override
        public void close() {
            try {
                guests.forEach(TestGuest::stop);
            } finally {
                source.letGo();
                target.letGo();
                disk.close();
                arena.close();
            }
        }
    }

    @Property(tries = 6, shrinking = ShrinkingMode.OFF)
    void shouldHoldTheDiskAsOfTheMomentItStopped(@ForAll long seed) throws InterruptedException {
        Random shape = new Random(seed);
        try (Run run = new Run(seed, 1 + shape.nextInt(3), 4, false)) {
            run.letRun();
            MirrorJob job = run.mirror();
            if (shape.nextBoolean()) {
                run.disk.reattach();
            }
            run.awaitReady(job);
            if (shape.nextBoolean()) {
                run.letRun();
            }
            job.stop();
            assertEquals(MirrorState.STOPPED, job.state());
            run.assertSame();
            assertTrue(run.target.closed);
            assertEquals(0, run.target.openLinks.get());
            run.letRun();
            run.guests.forEach(TestGuest::stop);
            run.guests.forEach(guest -> guest.check(run.source.content(), "source"));
            assertArrayEquals(run.targetThen, run.target.content(), "written after its moment");
        }
    }

    @Property(tries = 6, shrinking = ShrinkingMode.OFF)
    void shouldGoOnWithTheTarget(@ForAll long seed) throws InterruptedException {
        Random shape = new Random(seed);
        try (Run run = new Run(seed, 1 + shape.nextInt(3), 4, false)) {
            MirrorJob job = run.mirror();
            run.awaitReady(job);
            run.letRun();
            job.complete();
            assertEquals(MirrorState.COMPLETED, job.state());
            run.assertSame();
            assertTrue(run.source.closed);
            run.letRun();
            run.guests.forEach(TestGuest::stop);
            run.guests.forEach(guest -> guest.check(run.target.content(), "target"));
            assertArrayEquals(run.sourceThen, run.source.content(), "written after its moment");
            assertEquals(0, run.source.openLinks.get());
        }
    }

    /** What the source refuses, it may have done in part: the target has to have the same part. */
    @Property(tries = 6, shrinking = ShrinkingMode.OFF)
    void shouldHoldTheDiskWhoseWritesFail(@ForAll long seed) throws InterruptedException {
        try (Run run = new Run(seed, 2, 3, true)) {
            run.source.readsAreFine = true;
            MirrorJob job = run.mirror();
            run.awaitReady(job);
            for (int i = 0; i < 3; i++) {
                run.letRun();
                run.source.faultRate = 4;
                run.letRun();
                run.source.faultRate = 0;
            }
            job.stop();
            run.assertSame();
        }
    }

    /** No result of the target's reaches the guest, whenever it fails and however. */
    @Property(tries = 6, shrinking = ShrinkingMode.OFF)
    void shouldSpareTheGuestATargetThatFails(@ForAll long seed) throws InterruptedException {
        Random shape = new Random(seed);
        try (Run run = new Run(seed, 2, 4, false)) {
            MirrorJob job = run.mirror();
            if (shape.nextBoolean()) {
                run.awaitReady(job);
            }
            run.letRun();
            run.target.faultRate = 1 + shape.nextInt(50);
            assertTrue(job.awaitEnd(60, TimeUnit.SECONDS));
            assertEquals(MirrorState.FAILED, job.state());
            assertTrue(job.failure().startsWith("drive disk0: mirror to memory: "), job.failure());
            assertTrue(job.failure().endsWith("EIO (5)"), job.failure());
            assertFalse(run.disk.hasStage());
            run.letRun();
            run.guests.forEach(TestGuest::stop);
            run.guests.forEach(guest -> guest.check(run.source.content(), "source"));
            assertTrue(run.target.closed);
        }
    }

    @Property(tries = 6, shrinking = ShrinkingMode.OFF)
    void shouldBeCancelledAtAnyTime(@ForAll long seed) throws InterruptedException {
        Random shape = new Random(seed);
        try (Run run = new Run(seed, 2, 4, false)) {
            for (int i = 0; i < 3; i++) {
                run.target.closed = false;
                MirrorJob job = run.mirror();
                if (shape.nextInt(3) == 0) {
                    run.awaitReady(job);
                }
                run.letRun();
                job.cancel();
                assertEquals(MirrorState.CANCELLED, job.state());
                assertTrue(run.target.closed);
                assertFalse(run.disk.hasStage());
            }
            run.guests.forEach(TestGuest::stop);
            run.guests.forEach(guest -> guest.check(run.source.content(), "source"));
        }
    }
}
