// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The words are those of JFR's own thresholds. */
class SlowerThanTest {

    @ParameterizedTest
    @CsvSource({"0 ns, 0", "15 ns, 15", "20us, 20000", "100 ms, 100000000", "2 S, 2000000000", "3 m, 180000000000",
        "1 h, 3600000000000", "' 7  ms ', 7000000"})
    void shouldReadTimes(String text, long ns) {
        assertEquals(ns, SlowerThan.parse(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "ms", "10", "-1 ms", "1.5 ms", "10 parsecs", "99999999999999999999 ns", "9223372036854775807 s"})
    void shouldRefuseOtherWords(String text) {
        SlowerThan setting = new SlowerThan();
        setting.setValue(text);

        assertEquals(-1, SlowerThan.parse(text));
        assertEquals("100 ms", setting.getValue());
        assertEquals(100_000_000, setting.ns());
    }

    @Test
    void shouldTakeTheLeastOfSeveral() {
        SlowerThan setting = new SlowerThan();

        assertEquals("3 ms", setting.combine(Set.of("1 s", "3 ms", "20 ms", "1 fortnight")));
        assertEquals("100 ms", setting.combine(Set.of()));
    }
}
