// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

/** What one direction of a queue pair counts. */
public enum NetCounter {
    /** Packets that got through. */                                                     PACKETS,
    /** Their bytes, without headers of virtio's. */                                     BYTES,
    /** Packets that did not: see the {@link NetFault}s. */                              DROPS,
    /** Buffers given back unused, because nothing could be made of them. */             MALFORMED,
    /** Times that the back end, or for packets received the driver, had to be waited for. */ WAITS,
    /** Used buffer notifications sent. */                                               INTERRUPTS
}
