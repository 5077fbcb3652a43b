// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

/** What a block device counts. */
public enum BlockCounter {
    /** Reads that completed well. */                               READS,
    /** Bytes they read. */                                         READ_BYTES,
    /** Writes that completed well. */                              WRITES,
    /** Bytes they wrote. */                                        WRITTEN_BYTES,
    /** Flushes that completed well. */                             FLUSHES,
    /** Discards that completed well. */                            DISCARDS,
    /** Bytes the driver discarded by them. */                      DISCARDED_BYTES,
    /** Requests for zeroes that completed well. */                 WRITE_ZEROES,
    /** Bytes they zeroed. */                                       ZEROED_BYTES,
    /** Requests for the serial number. */                          GET_IDS,
    /** Reads that failed on the host. */                           READ_ERRORS,
    /** Writes that failed on the host. */                          WRITE_ERRORS,
    /** Flushes that failed on the host. */                         FLUSH_ERRORS,
    /** Discards that failed on the host. */                        DISCARD_ERRORS,
    /** Requests for zeroes that failed on the host. */             WRITE_ZEROES_ERRORS,
    /** Requests held after they failed, once each time. */         HELD,
    /** Held ones tried anew. */                                    RETRIED,
    /** Requests refused: see the {@link BlockFault}s. */           REFUSED,
    /** Requests of a type the device does not know. */             UNSUPPORTED,
    /** Chains given back because nothing could be made of them. */ MALFORMED,
    /** Batches of completions published. */                        BATCHES,
    /** Used buffer notifications sent. */                          INTERRUPTS
}
