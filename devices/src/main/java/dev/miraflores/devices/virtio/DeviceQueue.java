// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.linux.EventFd;
import dev.miraflores.virtio.ring.Virtqueue;

/**
 * An enabled queue as its device sees it.
 *
 * @param index     its number within the device
 * @param ring      the queue itself; belongs to whichever thread the device gives it to
 * @param kick      signalled by the driver's available buffer notifications; belongs to the transport
 * @param interrupt sends a used buffer notification (virtio 1.3 §2.3); any thread
 */
public record DeviceQueue(int index, Virtqueue ring, EventFd kick, QueueInterrupt interrupt) {
}
