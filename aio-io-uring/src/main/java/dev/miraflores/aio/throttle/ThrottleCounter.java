// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

/** What a throttle counts. */
public enum ThrottleCounter {
    /** Reads that were held back. */                                HELD_READS,
    /** Writes that were. */                                         HELD_WRITES,
    /** For how long reads were held, in ns, each on its own. */     HELD_READ_NS,
    /** For how long writes were, in ns. */                          HELD_WRITE_NS
}
