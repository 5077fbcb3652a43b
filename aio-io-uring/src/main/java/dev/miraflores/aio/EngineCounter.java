// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** What a link to a file counts. */
public enum EngineCounter {
    /** Requests handed to the kernel, continued and repeated ones once each time. */ SUBMITTED,
    /** Transfers continued after the kernel did a part. */                            CONTINUED,
    /** Requests tried anew after EAGAIN or EINTR. */                                  RETRIED,
    /** Transfers through a registered buffer. */                                      FIXED_BUFFER,
    /** Requests whose buffers O_DIRECT does not take, copied to and from ones it does. */ BOUNCED,
    /** Bytes copied for them. */                                                      BOUNCED_BYTES,
    /** Writes of part of a block, for which the block was read first. */              READ_MODIFY_WRITE,
    /** Bytes given back to the host, by discards and by zeroes that may unmap. */      DISCARDED_BYTES,
    /** Bytes made to read as zeroes. */                                               ZEROED_BYTES
}
