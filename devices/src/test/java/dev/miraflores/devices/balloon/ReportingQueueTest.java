// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import static dev.miraflores.devices.balloon.BalloonFixture.BUFFERS;
import static dev.miraflores.devices.balloon.BalloonFixture.FULL;
import static dev.miraflores.devices.balloon.BalloonFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.bindings.virtio.virtio_abi.virtio_balloon_config;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** virtio 1.3 §5.5.6.7. */
class ReportingQueueTest {

    private final BalloonConfigSpace config = new BalloonConfigSpace();

    private ReportingQueue queue(BalloonFixture balloon, boolean poisoned) {
        return new ReportingQueue(balloon.queue, balloon.events, balloon.pages(true), config, poisoned, balloon.counters);
    }

    /** All whole pages of all elements, before the buffer goes back. */
    @Test
    @Tag("virtio:5.5.6.7.2/before-acknowledging")
    void shouldGiveReportedPagesBack() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            balloon.driver.add(balloon.elements.clear().writable(33 * PAGE, 2 * PAGE).writable(40 * PAGE + 1, 3 * PAGE)
                .writable(50 * PAGE, 0).writable(60 * PAGE, PAGE));
            balloon.driver.publish();
            ReportingQueue queue = queue(balloon, false);
            assertTrue(queue.poll());
            assertTrue(IntStream.of(33, 34, 41, 42, 60).allMatch(balloon::isGone));
            assertTrue(IntStream.of(32, 35, 40, 43, 50, 59, 61).allMatch(balloon::isFull));
            queue.endTurn();
            assertTrue(balloon.driver.pollUsed() >= 0);
            assertEquals(0, balloon.driver.usedBytes());
            assertEquals(6 * PAGE, balloon.count(BalloonCounter.REPORTED_BYTES));
            assertEquals(5 * PAGE, balloon.count(BalloonCounter.DISCARDED_BYTES));
        }
    }

    /** A page that was filled with something may only go where the host's zeroes are that something. */
    @Test
    @Tag("virtio:5.5.6.7.2/poison")
    void shouldLeavePoisonedPagesAsTheyAre() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            config.write((int) virtio_balloon_config.poison_val, 4, FULL);
            balloon.driver.add(balloon.elements.clear().writable(33 * PAGE, 2 * PAGE));
            balloon.driver.publish();
            balloon.serve(queue(balloon, true));
            assertTrue(balloon.driver.pollUsed() >= 0);
            assertTrue(balloon.isFull(33) && balloon.isFull(34));
            config.write((int) virtio_balloon_config.poison_val, 4, 0);
            balloon.driver.add(balloon.elements.clear().writable(33 * PAGE, 2 * PAGE));
            balloon.driver.publish();
            balloon.serve(queue(balloon, true));
            assertTrue(balloon.isGone(33) && balloon.isGone(34));
        }
    }

    /** More than a turn takes: it goes on in the next, and cuts between pages. */
    @Test
    @Tag("class:endless")
    void shouldBoundATurn() {
        try (BalloonFixture balloon = BalloonFixture.withPagesOf(2 << 20, 60)) {
            long from = 3 * PAGE + 5 + (2 << 20);
            long byteSize = (110L << 20) - from;
            balloon.driver.add(balloon.elements.clear().writable(from, byteSize));
            for (int i = 0; i < 3; i++) {
                balloon.elements.clear();
                for (int j = 0; j < 40; j++) {
                    balloon.elements.writable(BUFFERS, 1);
                }
                balloon.driver.add(balloon.elements);
            }
            balloon.driver.publish();
            ReportingQueue queue = queue(balloon, false);
            long before = 0;
            int turns = 0;
            while (queue.poll()) {
                queue.endTurn();
                long now = balloon.count(BalloonCounter.REPORTED_BYTES);
                assertTrue(now - before <= ReportingQueue.TURN_BYTES + (2 << 20), now - before + " bytes in a turn");
                before = now;
                turns++;
            }
            assertEquals(byteSize + 120, before);
            assertTrue(turns >= 4 + 3, turns + " turns");
            // From the first page that is whole to the last: no cut has cost one.
            assertEquals((110L << 20) - (4L << 20), balloon.count(BalloonCounter.DISCARDED_BYTES));
        }
    }

    @Test
    void shouldReturnBuffersThatReportNothing() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            balloon.driver.add(balloon.elements.clear().readable(33 * PAGE, PAGE));
            balloon.driver.add(balloon.elements.clear().writable(96 * PAGE - 1, 2));
            balloon.driver.publish();
            balloon.serve(queue(balloon, false));
            assertTrue(balloon.driver.pollUsed() >= 0 && balloon.driver.pollUsed() >= 0);
            assertEquals(2, balloon.count(BalloonCounter.MALFORMED));
            assertTrue(balloon.isFull(33));
        }
    }
}
