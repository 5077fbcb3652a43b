// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/**
 * A character device as it is now.
 *
 * @param id      what it is called
 * @param backend what stands behind it, such as {@code unix:PATH,server=on}, with {@code disconnected:} before it where nobody
 *                is there
 * @param open    whether the guest has it open; a serial port always is
 */
public record CharDeviceStatus(String id, String backend, boolean open) {
}
