// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

/**
 * Registers in a range of ports or guest-physical addresses.
 * <p>Thread: called on any vCPU thread, on several at once; an implementation guards its own state.
 */
public interface BusDevice {

    /**
     * Reads a register. Never throws for anything a guest can do: an access the device does not know reads as zero.
     *
     * @param offset   bytes from the start of the device's range
     * @param byteSize 1, 2, 4 or 8; {@code offset + byteSize} may pass the end of the range by up to 7
     * @return the value, little-endian, in the low {@code byteSize} bytes
     */
    long read(long offset, int byteSize);

    /**
     * Writes a register. Never throws for anything a guest can do: an access the device does not know is ignored.
     *
     * @param value in the low {@code byteSize} bytes; the higher ones are zero
     */
    void write(long offset, int byteSize, long value);
}
