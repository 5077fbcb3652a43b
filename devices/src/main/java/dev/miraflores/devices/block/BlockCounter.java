// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

/** What a block device counts. */
public enum BlockCounter {
    /** Reads that completed well. */                               READS,
    /** Bytes they read. */                                         READ_BYTES,
    /** Writes that completed well. */                              WRITES,
    /** Bytes they wrote. */                                        WRITTEN_BYTES,
    /** Flushes that completed well. */                             FLUSHES,
    /** Requests for the serial number. */                          GET_IDS,
    /** Reads that failed on the host. */                           READ_ERRORS,
    /** Writes that failed on the host. */                          WRITE_ERRORS,
    /** Flushes that failed on the host. */                         FLUSH_ERRORS,
    /** Requests refused: see the {@link BlockFault}s. */           REFUSED,
    /** Requests of a type the device does not know. */             UNSUPPORTED,
    /** Chains given back because nothing could be made of them. */ MALFORMED,
    /** Batches of completions published. */                        BATCHES,
    /** Used buffer notifications sent. */                          INTERRUPTS
}
