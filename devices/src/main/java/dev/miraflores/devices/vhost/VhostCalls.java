// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vhost;

import java.lang.foreign.MemorySegment;

/**
 * The ioctls of an open vhost device: the boundary to the kernel, where a test may stand in for it.
 * <p>Thread: one at a time.
 */
interface VhostCalls extends AutoCloseable {

    /** With a structure, which the kernel may write: the result or −errno. */
    int call(long request, MemorySegment argument);

    /** Ends the device: the kernel has let go of rings and memory when this returns. */
    @Override
    void close();
}
