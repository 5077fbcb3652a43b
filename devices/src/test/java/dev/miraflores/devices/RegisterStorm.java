// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

import java.util.Random;

/**
 * What a hostile guest does to a device: reads and writes of every width, offset and alignment, values biased to
 * those that have broken devices before.
 */
public final class RegisterStorm {

    private static final long[] WORST = {0, 1, 0x7F, 0x80, 0xFF, 0x7FFF_FFFFL, 0x8000_0000L, 0xFFFF_FFFFL, Long.MAX_VALUE, -1};

    private RegisterStorm() {
    }

    /** Makes {@code accesses} accesses to a device of {@code portCount} registers. */
    public static void run(BusDevice device, int portCount, long seed, int accesses) {
        Random random = new Random(seed);
        for (int i = 0; i < accesses; i++) {
            int byteSize = 1 << random.nextInt(4);
            long offset = random.nextInt(portCount);
            if (random.nextInt(3) == 0) {
                long value = device.read(offset, byteSize);
                if ((value & ~mask(byteSize)) != 0) {
                    throw new AssertionError("read(" + offset + ", " + byteSize + ") has higher bytes: " + value);
                }
            } else {
                long value = random.nextBoolean() ? random.nextLong() : WORST[random.nextInt(WORST.length)];
                device.write(offset, byteSize, value & mask(byteSize));
            }
        }
    }

    /** Two devices answer the same to the same accesses, so nothing tells the one that was reset from the one that is new. */
    public static void runBoth(BusDevice one, BusDevice other, int portCount, long seed, int accesses) {
        Random random = new Random(seed);
        for (int i = 0; i < accesses; i++) {
            int byteSize = 1 << random.nextInt(4);
            long offset = random.nextInt(portCount);
            // Reads first, and more of them: what is left over would else be overwritten unseen.
            if (i < accesses / 4 || random.nextInt(3) == 0) {
                long expected = other.read(offset, byteSize);
                long actual = one.read(offset, byteSize);
                if (actual != expected) {
                    throw new AssertionError("access " + i + ", read(" + offset + ", " + byteSize + "): 0x"
                            + Long.toHexString(actual) + ", and 0x" + Long.toHexString(expected) + " of a new one");
                }
            } else {
                long value = random.nextBoolean() ? random.nextLong() : WORST[random.nextInt(WORST.length)];
                one.write(offset, byteSize, value & mask(byteSize));
                other.write(offset, byteSize, value & mask(byteSize));
            }
        }
    }

    private static long mask(int byteSize) {
        return byteSize == 8 ? -1 : (1L << 8 * byteSize) - 1;
    }
}
