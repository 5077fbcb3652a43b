// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.devices.Resettable;

/**
 * A virtio device on its transport, as far as a reset of the whole machine is concerned: its reset is that of a driver which
 * writes 0 into its status (virtio 1.3 §2.1.2, §2.4), and waits for what is in flight.
 * <p>Thread: any. Where the device is being closed {@code reset} waits for that.
 */
public interface ResettableDevice extends Resettable {

    /** Whether the host may yet write into guest memory, as {@link VirtioDevice#isHung}: the reset is then not over. */
    boolean isHung();
}
