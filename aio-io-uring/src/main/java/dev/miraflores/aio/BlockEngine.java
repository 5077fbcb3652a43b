// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * The last link: hands requests for one file to the kernel, many at a time, when the thread's turn ends. A transfer that
 * the kernel does in parts is continued; one that it refuses for the moment is tried anew. So a result is 0, for all of
 * it, or −errno.
 */
public interface BlockEngine extends BlockLink {

    /** What {@code aio=} calls it. */
    String name();

    @Override
    int inFlight();

    /** What has happened here so far; any thread. */
    Counters<EngineCounter> counters();
}
