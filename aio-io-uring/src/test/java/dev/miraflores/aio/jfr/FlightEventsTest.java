// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jdk.jfr.Recording;
import org.junit.jupiter.api.Test;

/** From when on a request is slow depends on who records. */
class FlightEventsTest {

    private static final long MS = 1_000_000;

    @Test
    void shouldCallRequestsSlowAsTheRecordingsSay() {
        Runnable tell = () -> { };
        try (Recording one = new Recording(); Recording another = new Recording()) {
            one.enable("dev.miraflores.SlowRequest").with("slowerThan", "30 ms");
            one.start();
            assertTrue(FlightEvents.on());
            FlightEvents.watch(tell);
            assertEquals(30 * MS, FlightEvents.slowNs());
            another.enable("dev.miraflores.SlowRequest").with("slowerThan", "0 ns");
            another.start();
            assertEquals(0, FlightEvents.slowNs());
            another.stop();
            assertEquals(30 * MS, FlightEvents.slowNs());
        } finally {
            FlightEvents.unwatch(tell);
        }
    }
}
