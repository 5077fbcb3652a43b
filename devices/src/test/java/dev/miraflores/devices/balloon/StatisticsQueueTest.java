// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import static dev.miraflores.devices.balloon.BalloonFixture.BUFFERS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** virtio 1.3 §5.5.6.3. */
class StatisticsQueueTest {

    private final List<BalloonStatistics> told = new ArrayList<>();

    private StatisticsQueue queue(BalloonFixture balloon) {
        return new StatisticsQueue(balloon.queue, balloon.events, told::add);
    }

    private static void put(BalloonFixture balloon, long gpa, int tag, long value) {
        MemorySegment entry = balloon.ram.slice(gpa, StatisticsQueue.ENTRY_BYTES);
        entry.set(ValueLayout.JAVA_SHORT_UNALIGNED, 0, (short) tag);
        entry.set(ValueLayout.JAVA_LONG_UNALIGNED, 2, value);
    }

    private static void tell(BalloonFixture balloon, int entries) {
        balloon.driver.add(balloon.elements.clear().readable(BUFFERS, (long) entries * StatisticsQueue.ENTRY_BYTES));
        balloon.driver.publish();
    }

    /** The buffer is read when it comes, kept, and goes back when the device wants another. */
    @Test
    void shouldKeepTheBufferUntilItAsks() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            StatisticsQueue queue = queue(balloon);
            put(balloon, BUFFERS, 4, 1 << 20);
            tell(balloon, 1);
            queue.ask();
            assertTrue(queue.poll());
            queue.endTurn();
            assertEquals(1 << 20, told.getFirst().get(BalloonStatistic.FREE_MEMORY));
            assertTrue(Math.abs(told.getFirst().lastUpdate() - System.currentTimeMillis() / 1000) < 100);
            assertFalse(queue.hasWork());
            assertFalse(queue.enableEvents());
            assertEquals(-1, balloon.driver.pollUsed());

            queue.ask();
            balloon.serve(queue);
            assertTrue(balloon.driver.pollUsed() >= 0);
            assertEquals(0, balloon.driver.usedBytes());
            assertEquals(1, balloon.interrupts);
            queue.ask();
            assertFalse(queue.hasWork());
            put(balloon, BUFFERS, 4, 2 << 20);
            tell(balloon, 1);
            balloon.serve(queue);
            assertEquals(2 << 20, told.getLast().get(BalloonStatistic.FREE_MEMORY));
            assertEquals(2, told.size());
        }
    }

    /** A driver has one buffer there; one that has more is heard no more often. */
    @Test
    @Tag("class:endless")
    void shouldHearOneBufferForEachTimeItAsks() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            StatisticsQueue queue = queue(balloon);
            for (int i = 0; i < 10; i++) {
                tell(balloon, 0);
                tell(balloon, 3);
            }
            assertEquals(1, balloon.serve(queue));
            for (int i = 2; i < 10; i++) {
                queue.ask();
                balloon.serve(queue);
                assertEquals(i, told.size());
            }
        }
    }

    /** Tags in any order, known or not, told twice, cut anywhere: the last word counts, and what is not known is nothing. */
    @Property(tries = 200)
    @net.jqwik.api.Tag("virtio:5.5.6.3.2/unknown")
    @net.jqwik.api.Tag("virtio:5.5.6.3.2/any-order")
    void shouldTakeWhatItKnows(@ForAll long seed) {
        Random random = new Random(seed);
        told.clear();
        try (BalloonFixture balloon = new BalloonFixture()) {
            int entries = random.nextInt(StatisticsQueue.MAX_ENTRIES);
            long[] expected = new long[BalloonStatistic.values().length];
            Arrays.fill(expected, BalloonStatistics.UNKNOWN);
            for (int i = 0; i < entries; i++) {
                int tag = random.nextInt(4) == 0 ? random.nextInt(1 << 16) : random.nextInt(20);
                long value = random.nextLong();
                put(balloon, BUFFERS + (long) i * StatisticsQueue.ENTRY_BYTES, tag, value);
                if (tag < expected.length) {
                    expected[tag] = value;
                }
            }
            long byteSize = (long) entries * StatisticsQueue.ENTRY_BYTES + random.nextInt(StatisticsQueue.ENTRY_BYTES);
            long cut = random.nextLong(byteSize + 1);
            balloon.driver.add(balloon.elements.clear().readable(BUFFERS, cut).readable(BUFFERS + cut, byteSize - cut));
            balloon.driver.publish();
            balloon.serve(queue(balloon));
            for (BalloonStatistic statistic : BalloonStatistic.values()) {
                assertEquals(expected[statistic.ordinal()], told.getFirst().get(statistic), statistic::toString);
            }
        }
    }

    /** A buffer of 100 KiB has as much to say as one of 640 bytes. */
    @Test
    @Tag("class:length")
    void shouldReadSomeEntriesOfAnEndlessBuffer() {
        try (BalloonFixture balloon = new BalloonFixture()) {
            for (int i = 0; i < 10_000; i++) {
                put(balloon, BUFFERS + (long) i * StatisticsQueue.ENTRY_BYTES, 4, i);
            }
            tell(balloon, 10_000);
            balloon.serve(queue(balloon));
            assertEquals(StatisticsQueue.MAX_ENTRIES - 1, told.getFirst().get(BalloonStatistic.FREE_MEMORY));
        }
    }
}
