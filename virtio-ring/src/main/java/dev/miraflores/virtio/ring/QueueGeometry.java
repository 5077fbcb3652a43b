// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

/**
 * Where a driver has put its queue. All of it comes from the driver: {@link Virtqueue#check} judges it.
 *
 * @param size      entries, the Queue Size (virtio 1.3 §2.7, §2.8)
 * @param descGpa   Descriptor Area: the descriptor table, or the packed descriptor ring
 * @param driverGpa Driver Area: the available ring, or the driver event suppression structure
 * @param deviceGpa Device Area: the used ring, or the device event suppression structure
 */
public record QueueGeometry(int size, long descGpa, long driverGpa, long deviceGpa) {

    /** The largest Queue Size there is (§2.7, §2.8). */
    public static final int MAX_SIZE = 32768;
}
