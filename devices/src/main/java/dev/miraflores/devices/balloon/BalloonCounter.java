// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

/** What a balloon counts. Pages are of 4096 bytes. */
public enum BalloonCounter {
    /** Pages that the driver has given, each time it did. */                               INFLATED_PAGES,
    /** Pages that it has taken back. */                                                    DEFLATED_PAGES,
    /** Bytes that it has reported as free. */                                              REPORTED_BYTES,
    /** Bytes that it has hinted at as free. */                                             HINTED_BYTES,
    /** Rounds of hinting that came to their end. */                                        HINTING_ROUNDS,
    /** Bytes given back to the host. */                                                    DISCARDED_BYTES,
    /** Calls of the host's that took. */                                                   DISCARDS,
    /** Calls that the host refused. */                                                     DISCARD_ERRORS,
    /** Page frames named that are not memory. */                                           OUTSIDE_PAGES,
    /** Buffers given back because nothing could be made of them. */                        MALFORMED
}
