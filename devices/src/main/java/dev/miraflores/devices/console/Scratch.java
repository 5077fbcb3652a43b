// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.console;

import java.lang.foreign.MemorySegment;

/** What is on its way between guest memory and a queue of the host's. Thread: the I/O thread. */
final class Scratch {

    static final int BYTES = 8192;

    final byte[] bytes = new byte[BYTES];
    final MemorySegment segment = MemorySegment.ofArray(bytes);
}
