// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.Counters;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.IoThreadCounter;
import dev.miraflores.aio.IoThreadOptions;

/**
 * What an I/O thread is at one moment.
 *
 * @param name     as the operator sees it
 * @param threadId the kernel's id of it
 * @param options  how it was set up
 * @param counters what it has done; they count on
 */
public record IoThreadStatus(String name, int threadId, IoThreadOptions options, Counters<IoThreadCounter> counters) {

    static IoThreadStatus of(IoThread thread) {
        return new IoThreadStatus(thread.name(), thread.threadId(), thread.options(), thread.counters());
    }
}
