// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import static dev.miraflores.devices.balloon.BalloonFixture.BUFFERS;
import static dev.miraflores.devices.balloon.BalloonFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** virtio 1.3 §5.5.6.5. */
class HintingQueueTest {

    private static final int STOP = 0;

    private final BalloonFixture balloon = new BalloonFixture();
    private final BalloonConfigSpace config = new BalloonConfigSpace();
    private int roundsEnded;
    private final HintingQueue queue =
        new HintingQueue(balloon.queue, balloon.events, config, balloon.counters, () -> roundsEnded++);

    @AfterEach
    void close() {
        balloon.close();
    }

    private void command(int command) {
        balloon.ram.slice(BUFFERS, 4).set(ValueLayout.JAVA_INT_UNALIGNED, 0, command);
        balloon.driver.add(balloon.elements.clear().readable(BUFFERS, 4));
        serve();
    }

    private void hint(long page, int pages) {
        balloon.driver.add(balloon.elements.clear().writable(page * PAGE, pages * PAGE));
        serve();
    }

    private void serve() {
        balloon.driver.publish();
        balloon.serve(queue);
        assertTrue(balloon.driver.pollUsed() >= 0);
        assertEquals(0, balloon.driver.usedBytes());
    }

    /** Hints are counted, and the pages, which may be in use again, are as they were. */
    @Test
    @Tag("virtio:5.5.6.5.2/modified")
    @Tag("virtio:5.5.6.5.2/after-done")
    void shouldCountHintsAndTouchNothing() {
        config.setHintCommand(2);
        command(2);
        hint(32, 16);
        hint(50, 4);
        assertEquals(20 * PAGE, balloon.count(BalloonCounter.HINTED_BYTES));
        assertEquals(0, roundsEnded);
        command(STOP);
        assertEquals(1, roundsEnded);
        assertTrue(IntStream.range(32, 96).allMatch(balloon::isFull));
        assertEquals(0, balloon.count(BalloonCounter.DISCARDED_BYTES));
    }

    /** What belongs to another round, or to none, is nothing. */
    @Test
    @Tag("virtio:5.5.6.5.2/other-id")
    void shouldIgnoreHintsOfOtherRounds() {
        hint(32, 1);
        command(2);
        hint(32, 1);
        config.setHintCommand(3);
        command(2);
        hint(32, 1);
        command(STOP);
        command(-3);
        hint(32, 1);
        assertEquals(0, balloon.count(BalloonCounter.HINTED_BYTES));
        assertEquals(0, roundsEnded);
        command(3);
        hint(32, 1);
        config.setHintCommand(1);
        hint(32, 1);
        command(STOP);
        assertEquals(PAGE, balloon.count(BalloonCounter.HINTED_BYTES));
        assertEquals(0, roundsEnded);
    }

    @Test
    void shouldReturnWhatIsNoCommandAndNoHint() {
        config.setHintCommand(2);
        balloon.driver.add(balloon.elements.clear().readable(BUFFERS, 3));
        serve();
        balloon.driver.add(balloon.elements.clear().readable(BUFFERS, 1 << 12));
        serve();
        hint(95, 2);
        assertEquals(3, balloon.count(BalloonCounter.MALFORMED));
    }
}
