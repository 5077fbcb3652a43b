// SPDX-License-Identifier: Apache-2.0

/**
 * Guest-physical memory as the host sees it. Start at {@link dev.miraflores.memory.GuestMemory}.
 * <p>A guest-physical address ({@code gpa}) is never trusted: it becomes an offset into a segment only through
 * {@link dev.miraflores.memory.GuestMemory#find}, which answers {@code null} for whatever is not memory and throws
 * for nothing. Reads and writes go through segments, so memory that has been closed is refused, not touched.
 * <p>Left out: device memory, and memory whose bytes appear at two addresses.
 */
package dev.miraflores.memory;
