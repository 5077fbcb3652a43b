// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import java.time.Instant;
import java.util.function.LongSupplier;

/** The host's clocks, in nanoseconds. Tests put their own in place. */
enum HostTime implements LongSupplier {

    /** From some point on, never set. */
    MONOTONIC {
        @Override
        public long getAsLong() {
            return System.nanoTime();
        }
    },

    /** Since 1970-01-01T00:00 UTC; may be set, back too. */
    UTC {
        @Override
        public long getAsLong() {
            Instant now = Instant.now();
            return now.getEpochSecond() * RtcClock.NS_PER_S + now.getNano();
        }
    }
}
