// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.devices.virtio.VirtioDevice;

/**
 * A disk as its machine sees it, whoever does its I/O.
 * <p>Thread: as {@link VirtioDevice}; what is added here, any but the disk's own.
 */
public interface Disk extends VirtioDevice {

    /** The drive's id. */
    String id();

    /**
     * Finishes what is in flight, and takes no more until {@link #resume}.
     *
     * @throws DrainException where that takes too long; the disk goes on then
     */
    void pause();

    /** Goes on after {@link #pause}. */
    void resume();
}
