// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

/**
 * A device whose registers are a byte wide. A wider access is as many byte accesses, at rising offsets, as the bus
 * of a PC makes of it for an 8-bit device.
 * <p>Thread: as {@link BusDevice}; the bytes of one access are not one atomic step.
 */
public interface ByteRegisters extends BusDevice {

    /** Reads one register, 0 to 255; 0 for one that is not there. */
    int readByte(int offset);

    /** Writes one register; ignored for one that is not there. */
    void writeByte(int offset, int value);

    @Override
    default long read(long offset, int byteSize) {
        long value = 0;
        for (int i = 0; i < byteSize; i++) {
            value |= (readByte((int) offset + i) & 0xFFL) << 8 * i;
        }
        return value;
    }

    @Override
    default void write(long offset, int byteSize, long value) {
        for (int i = 0; i < byteSize; i++) {
            writeByte((int) offset + i, (int) (value >>> 8 * i) & 0xFF);
        }
    }
}
