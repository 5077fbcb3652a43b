// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class PollTimeTest {

    private static final long MAX = 32_768;

    @Test
    void shouldNotPollAtFirst() {
        assertEquals(0, new PollTime(MAX, 0, 0).ns());
    }

    @Test
    void shouldGrowWhileWaitsAreLongerThanItPollsButWithinTheLimit() {
        PollTime time = new PollTime(MAX, 0, 0);
        time.waited(10_000);
        assertEquals(4_000, time.ns());
        time.waited(10_000);
        assertEquals(8_000, time.ns());
        time.waited(10_000);
        assertEquals(16_000, time.ns());
        time.waited(10_000);
        assertEquals(16_000, time.ns(), "long enough");
        time.waited(20_000);
        time.waited(32_500);
        assertEquals(MAX, time.ns(), "never beyond the limit");
    }

    @Test
    void shouldGiveUpAfterALongWait() {
        PollTime time = new PollTime(MAX, 0, 0);
        time.waited(10_000);
        time.waited(MAX + 1);
        assertEquals(0, time.ns());
    }

    @Test
    void shouldShrinkByItsDivisor() {
        PollTime time = new PollTime(MAX, 4, 2);
        time.waited(10_000);
        time.waited(10_000);
        assertEquals(16_000, time.ns());
        time.waited(1_000_000);
        assertEquals(8_000, time.ns());
    }

    @Test
    void shouldNeverPollWithoutALimit() {
        PollTime time = new PollTime(0, 0, 0);
        time.waited(1);
        assertEquals(0, time.ns());
        PollTime changed = new PollTime(MAX, 0, 0);
        changed.waited(10_000);
        changed.setMax(0);
        changed.waited(10);
        assertEquals(0, changed.ns());
    }
}
