// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

/**
 * How much RAM there is, as a PC's firmware leaves it in the CMOS for those who do not ask it otherwise.
 * <pre>  0x15  le16  KiB below 640 KiB                    0x34  le16  64 KiB units above 16 MiB
 *   0x17  le16  KiB above 1 MiB, again at 0x30       0x5B  le24  64 KiB units above 4 GiB </pre>
 */
final class CmosMemorySize {

    private static final long KIB = 1024;
    private static final long MIB = 1024 * KIB;
    private static final int UNIT = 65536;

    private CmosMemorySize() {
    }

    static void store(byte[] cmos, long below4GiB, long above4GiB) {
        put(cmos, 0x15, 2, Math.min(below4GiB / KIB, 640));
        long extended = Math.max(0, below4GiB - MIB) / KIB;
        put(cmos, 0x17, 2, Math.min(extended, 0xFFFF));
        put(cmos, 0x30, 2, Math.min(extended, 0xFFFF));
        put(cmos, 0x34, 2, Math.min(Math.max(0, below4GiB - 16 * MIB) / UNIT, 0xFFFF));
        put(cmos, 0x5B, 3, Math.min(above4GiB / UNIT, 0xFFFFFF));
    }

    private static void put(byte[] cmos, int index, int byteSize, long value) {
        for (int i = 0; i < byteSize; i++) {
            cmos[index + i] = (byte) (value >>> 8 * i);
        }
    }
}
