// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** What an I/O thread counts. */
public enum IoThreadCounter {
    /** Times round the loop. */                                     TURNS,
    /** Completions and doorbells taken. */                          EVENTS,
    /** Messages run. */                                             MESSAGES,
    /** Timers that were due. */                                     TIMERS,
    /** Times it slept in the kernel. */                             SLEEPS,
    /** Times polling found work, so that it need not sleep. */      POLL_HITS,
    /** Times polling found none and it went to sleep after all. */  POLL_MISSES,
    /** Nanoseconds of polling. */                                   POLLED_NS,
    /** Nanoseconds from going to sleep to waking up. */             SLEPT_NS
}
