// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

/**
 * A device's way to tell its driver something that no queue carries.
 * <p>Thread: any.
 */
public interface DeviceEvents {

    /** Configuration has changed: the driver gets a configuration change notification (virtio 1.3 §2.3). */
    void configChanged();

    /**
     * Changes configuration, so that a driver that reads it meanwhile sees by the generation that it did (§2.5.1), and tells
     * the driver. {@code change} waits for nothing.
     */
    default void changeConfig(Runnable change) {
        change.run();
        configChanged();
    }

    /** The device cannot go on: DEVICE_NEEDS_RESET, and the driver is told (§2.1.2). */
    void needsReset();
}
