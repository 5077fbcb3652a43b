// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.memory.GuestMemory;
import java.util.List;

/**
 * What a device gets to work with once its driver is ready.
 *
 * @param features negotiated feature bits
 * @param memory   where buffers lie
 * @param queues   one entry per queue of the device; {@code null} where the driver enabled none
 * @param events   how the device speaks to its driver outside of the queues
 */
public record VirtioActivation(long features, GuestMemory memory, List<DeviceQueue> queues, DeviceEvents events) {

    /** Whether feature bit {@code bit} was negotiated. */
    public boolean has(int bit) {
        return (features >>> bit & 1) != 0;
    }
}
