// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import static dev.miraflores.devices.balloon.BalloonFixture.BORDER_PAGE;
import static dev.miraflores.devices.balloon.BalloonFixture.BUFFERS;
import static dev.miraflores.devices.balloon.BalloonFixture.END_PAGE;
import static dev.miraflores.devices.balloon.BalloonFixture.FIRST_PAGE;
import static dev.miraflores.devices.balloon.BalloonFixture.HIGH_PAGE;
import static dev.miraflores.devices.balloon.BalloonFixture.HIGH_PAGES;
import static dev.miraflores.devices.balloon.BalloonFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.testkit.Allocations;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** virtio 1.3 §5.5.6. */
class PageFrameQueueTest {

    private static PageFrameQueue inflate(BalloonFixture balloon, boolean mustTellHost) {
        return new PageFrameQueue(balloon.queue, balloon.events, balloon.pages(mustTellHost), balloon.counters, true);
    }

    /** The page is the device's until the buffer comes back, and is gone by then; one interrupt says so. */
    @Test
    @Tag("virtio:5.5.6.2/before-acknowledging")
    void shouldGivePagesBackBeforeTheBufferIsUsed() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            PageFrameQueue queue = inflate(balloon, true);
            balloon.give(40, 33, 41);
            assertTrue(queue.poll());
            assertTrue(balloon.isGone(33) && balloon.isGone(40) && balloon.isGone(41));
            assertTrue(balloon.isFull(32) && balloon.isFull(34) && balloon.isFull(39) && balloon.isFull(42));
            assertEquals(0, balloon.interrupts);
            queue.endTurn();
            assertEquals(1, balloon.interrupts);
            assertTrue(balloon.driver.pollUsed() >= 0);
            assertEquals(0, balloon.driver.usedBytes());
            // Neighbours are one call.
            assertEquals(2, balloon.count(BalloonCounter.DISCARDS));
            assertEquals(3 * PAGE, balloon.count(BalloonCounter.DISCARDED_BYTES));
            assertFalse(queue.hasWork());
        }
    }

    /** What leaves the balloon is not touched; what is written there is kept. */
    @Test
    @Tag("virtio:5.5.6.2/before-deflate")
    void shouldLeaveDeflatedPagesAlone() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            PageFrameQueue queue = new PageFrameQueue(balloon.queue, balloon.events, balloon.pages(true), balloon.counters, false);
            balloon.give(40, 41, 50);
            balloon.serve(queue);
            assertTrue(balloon.driver.pollUsed() >= 0);
            assertTrue(balloon.isFull(40) && balloon.isFull(41) && balloon.isFull(50));
            assertEquals(3, balloon.count(BalloonCounter.DEFLATED_PAGES));
        }
    }

    /** A guest that names as much as it can, all of it apart: a turn does some, and nobody else waits for the rest. */
    @Test
    @Tag("class:endless")
    void shouldBoundATurn() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            PageFrameQueue queue = inflate(balloon, true);
            int frames = 28 * 1024;
            int[] all = new int[frames];
            for (int i = 0; i < frames; i++) {
                all[i] = FIRST_PAGE + i % 16 * 2;
            }
            balloon.give(all);
            int turns = 0;
            long before = 0;
            while (queue.poll()) {
                queue.endTurn();
                turns++;
                long now = balloon.count(BalloonCounter.DISCARDS);
                assertTrue(now - before <= PageFrameQueue.TURN_RUNS, now - before + " calls in a turn");
                before = now;
            }
            assertTrue(balloon.driver.pollUsed() >= 0);
            assertEquals(frames, balloon.count(BalloonCounter.INFLATED_PAGES) * PageFrameQueue.BATCH / 16);
            assertTrue(turns >= frames / PageFrameQueue.BATCH, turns + " turns");
            assertEquals(0, balloon.resetsAsked);
        }
    }

    /** More page frames than fit a batch, in one buffer and in pieces of any size. */
    @Test
    @Tag("virtio:2.7.4.1/any")
    void shouldTakePageFramesWhereverABufferIsDivided() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            int[] frames = IntStream.range(0, 600).map(i -> FIRST_PAGE + i % 32).toArray();
            balloon.putFrames(BUFFERS, frames);
            balloon.driver.add(balloon.elements.clear().readable(BUFFERS, 3).readable(BUFFERS + 3, 0).readable(BUFFERS + 3, 1030)
                .readable(BUFFERS + 1033, 2400 - 1033));
            balloon.driver.publish();
            balloon.serve(inflate(balloon, true));
            assertTrue(balloon.driver.pollUsed() >= 0);
            for (int page = FIRST_PAGE; page < BORDER_PAGE; page++) {
                assertTrue(balloon.isGone(page), "page " + page);
            }
        }
    }

    /** Page frames of any kind in buffers of any number: just those that are memory go, and nothing is thrown. */
    @Property(tries = 200)
    @net.jqwik.api.Tag("class:length")
    @net.jqwik.api.Tag("class:reentrancy")
    void shouldGiveBackWhatIsNamedAndNothingElse(@ForAll long seed) {
        Random random = new Random(seed);
        try (BalloonFixture balloon = new BalloonFixture()) {
            PageFrameQueue queue = inflate(balloon, random.nextBoolean());
            Set<Integer> named = new HashSet<>();
            int outside = 0;
            int buffers = 1 + random.nextInt(6);
            for (int i = 0; i < buffers; i++) {
                int[] frames = random.ints(1 + random.nextInt(700)).map(_ -> frame(random)).toArray();
                for (int frame : frames) {
                    outside += isMemory(frame) ? 0 : 1;
                    named.add(frame);
                }
                balloon.putFrames(BUFFERS + i * PAGE, frames);
                balloon.driver.add(balloon.elements.clear().readable(BUFFERS + i * PAGE, 4L * frames.length));
            }
            balloon.driver.publish();
            balloon.serve(queue);
            for (int i = 0; i < buffers; i++) {
                assertTrue(balloon.driver.pollUsed() >= 0);
                assertEquals(0, balloon.driver.usedBytes());
            }
            for (int page = FIRST_PAGE; page < END_PAGE; page++) {
                assertTrue(named.contains(page) ? balloon.isGone(page) : balloon.isFull(page), "page " + page);
            }
            for (int page = HIGH_PAGE; page < HIGH_PAGE + HIGH_PAGES; page++) {
                assertTrue(named.contains(page) ? balloon.isGone(page) : balloon.isFull(page), "page " + page);
            }
            assertEquals(outside, balloon.count(BalloonCounter.OUTSIDE_PAGES));
            assertEquals(0, balloon.count(BalloonCounter.DISCARD_ERRORS));
            assertEquals(0, balloon.resetsAsked);
        }
    }

    private static boolean isMemory(int frame) {
        return frame >= 0 && frame < END_PAGE || frame >= HIGH_PAGE && frame < HIGH_PAGE + HIGH_PAGES;
    }

    private static int frame(Random random) {
        return switch (random.nextInt(12)) {
            case 0 -> END_PAGE + random.nextInt(4);
            case 1 -> HIGH_PAGE + random.nextInt(HIGH_PAGES + 2);
            case 2 -> HIGH_PAGE - 1 - random.nextInt(3);
            case 3 -> random.nextInt() | Integer.MIN_VALUE;
            case 4 -> -1 - random.nextInt(3);
            default -> FIRST_PAGE + random.nextInt(END_PAGE - FIRST_PAGE);
        };
    }

    /** A guest may give the pages that its queue lies in. That is the end of the queue at worst. */
    @Test
    void shouldSurviveTheQueuesOwnPages() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            PageFrameQueue queue = inflate(balloon, true);
            balloon.give(0, 1, 2, 3, 4, 5, 40);
            balloon.serve(queue);
            assertTrue(balloon.isGone(40));
            for (int i = 0; i < 3; i++) {
                balloon.serve(queue);
                queue.enableEvents();
            }
            assertTrue(balloon.resetsAsked <= 1);
        }
    }

    /** Buffers without page frames, or none that make sense, go back at once. */
    @Test
    void shouldReturnUselessBuffers() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            balloon.driver.add(balloon.elements.clear().readable(BUFFERS, 3));
            balloon.driver.add(balloon.elements.clear().writable(BUFFERS, 64));
            balloon.driver.add(balloon.elements.clear().readable(HIGH_PAGE * PAGE - 4, 8));
            balloon.driver.publish();
            balloon.serve(inflate(balloon, true));
            for (int i = 0; i < 3; i++) {
                assertTrue(balloon.driver.pollUsed() >= 0);
                assertEquals(0, balloon.driver.usedBytes());
            }
            assertEquals(3, balloon.count(BalloonCounter.MALFORMED));
        }
    }

    /** A page of the host's goes once all of it is in the balloon, whichever buffer brought the rest of it. */
    @Test
    @Tag("virtio:5.5.6.2/before-deflate")
    void shouldGatherPagesOfAHugePage() {
        try (BalloonFixture balloon = BalloonFixture.withPagesOf(16 * PAGE, 8)) {
            BalloonPages pages = balloon.pages(true);
            PageFrameQueue queue = new PageFrameQueue(balloon.queue, balloon.events, pages, balloon.counters, true);
            balloon.give(IntStream.range(33, 47).toArray());
            balloon.serve(queue);
            balloon.give(32);
            balloon.serve(queue);
            assertTrue(balloon.isFull(32) && balloon.isFull(40), "one is missing");
            balloon.give(47);
            balloon.serve(queue);
            assertTrue(IntStream.range(32, 48).allMatch(balloon::isGone));
            assertTrue(balloon.isFull(31) && balloon.isFull(48));

            // One that has left it is the guest's, and all around it stay.
            balloon.give(IntStream.range(48, 63).toArray());
            balloon.serve(queue);
            pages.deflate(balloon.ram.regions().getFirst(), 50 * PAGE, PAGE);
            balloon.give(63);
            balloon.serve(queue);
            assertTrue(IntStream.range(48, 64).allMatch(balloon::isFull));
        }
    }

    /** A driver that does not wait may have taken a page out again before the rest of its huge page comes in. */
    @Test
    @Tag("virtio:5.5.6.2/before-acknowledging")
    void shouldGatherNothingWithoutMustTellHost() {
        try (BalloonFixture balloon = BalloonFixture.withPagesOf(16 * PAGE, 8)) {
            PageFrameQueue queue = inflate(balloon, false);
            balloon.give(IntStream.range(32, 40).toArray());
            balloon.serve(queue);
            balloon.give(IntStream.range(40, 48).toArray());
            balloon.serve(queue);
            assertTrue(IntStream.range(32, 48).allMatch(balloon::isFull));
            balloon.give(IntStream.range(48, 64).toArray());
            balloon.serve(queue);
            assertTrue(IntStream.range(48, 64).allMatch(balloon::isGone));
        }
    }

    /** No heap for a buffer, however much is in it. */
    @Test
    @Tag("class:memory")
    void shouldAllocateNothing() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            PageFrameQueue queue = inflate(balloon, true);
            balloon.putFrames(BUFFERS, IntStream.range(0, 256).map(i -> FIRST_PAGE + i * 7 % 40).toArray());
            balloon.elements.clear().readable(BUFFERS, 1024);
            Allocations.assertNone(Runnable::run, 4000, () -> {
                balloon.driver.add(balloon.elements);
                balloon.driver.publish();
                balloon.serve(queue);
                balloon.driver.pollUsed();
            });
        }
    }
}
