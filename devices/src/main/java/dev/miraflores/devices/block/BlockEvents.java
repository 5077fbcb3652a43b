// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo.Operation;

/**
 * What a disk tells the machine it belongs to.
 * <p>Thread: any, mostly one of the disk's I/O threads: what is called must not wait for anything, least of all for the disk.
 */
public interface BlockEvents {

    /** Tells nobody. */
    BlockEvents NONE = new BlockEvents() {
    };

    /**
     * A request failed on the host. Where {@code stopped}, it is held until {@link VirtioBlockDevice#resume}, and the machine
     * ought to stand still meanwhile ({@code werror=stop}): the driver would wait for it, and in the end give up.
     *
     * @param byteOffset where on the disk
     * @param byteCount  how much
     * @param errno      why, positive
     */
    default void ioError(
            VirtioBlockDevice disk, Operation operation, long byteOffset, long byteCount, int errno, boolean stopped) {
    }

    /** The disk came to its end, by its driver's fault or by ours, and the driver was told: it needs a reset. */
    default void needsReset(VirtioBlockDevice disk, String why) {
    }

    /** A new size was announced to the driver. */
    default void resized(VirtioBlockDevice disk, long byteSize) {
    }
}
