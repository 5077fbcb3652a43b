// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.memory;

/** What holds a guest's RAM on the host. */
public enum MemoryBacking {

    /** Private memory of this process. */
    ANONYMOUS,

    /** A memfd, which another process can be given: vhost-user needs it. */
    MEMFD,

    /** A memfd in huge pages of the host's default size, reserved in full from the start or refused. */
    HUGE_PAGES
}
