// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.BusDevice;

/**
 * The later part of a device whose registers are not in one piece.
 *
 * @param device the whole
 * @param skip   bytes of it before this part
 */
record OffsetDevice(BusDevice device, int skip) implements BusDevice {

    @Override
    public long read(long offset, int byteSize) {
        return device.read(offset + skip, byteSize);
    }

    @Override
    public void write(long offset, int byteSize, long value) {
        device.write(offset + skip, byteSize, value);
    }
}
