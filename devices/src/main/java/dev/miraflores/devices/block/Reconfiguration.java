// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

/**
 * A change of a running disk.
 * <p>Thread: the caller's of {@link VirtioBlockDevice#reconfigure}.
 */
@FunctionalInterface
public interface Reconfiguration {

    /**
     * Changes {@code chain}. Nothing is in flight on any queue, and nothing new is taken, until this returns and every queue
     * has its links as {@code chain} then says. What this throws, the caller gets; the disk then goes on as it was.
     */
    void apply(DiskChain chain);
}
