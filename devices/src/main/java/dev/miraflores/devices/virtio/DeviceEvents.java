// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

/**
 * A device's way to tell its driver something that no queue carries.
 * <p>Thread: any.
 */
public interface DeviceEvents {

    /** Configuration has changed: the driver gets a configuration change notification (virtio 1.3 §2.3). */
    void configChanged();

    /** The device cannot go on: DEVICE_NEEDS_RESET, and the driver is told (§2.1.2). */
    void needsReset();
}
