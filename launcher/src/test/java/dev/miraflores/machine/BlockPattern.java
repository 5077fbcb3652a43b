// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the built-in guest writes to its disk, made again on this side ({@code src/main/guest/pattern.h}). Each sector:
 * <pre>  0    u64  sector number
 *   8    u32  seed
 *   12   u32  round
 *   16   62 words of u64 from a table made of the seed, from a place that depends on the block and the sector </pre>
 */
public final class BlockPattern {

    public static final int BLOCK_BYTES = 4096;

    private static final int SECTOR_BYTES = 512;
    private static final int BLOCK_SECTORS = BLOCK_BYTES / SECTOR_BYTES;
    private static final int DATA_WORDS = SECTOR_BYTES / Long.BYTES - 2;
    private static final int PLACES = 64;
    private static final int PLACES_PER_BLOCK = 7;
    private static final int ROUND_OFFSET = 12;

    private final int seed;
    private final long[] table = new long[DATA_WORDS + PLACES];

    public BlockPattern(int seed) {
        this.seed = seed;
        long x = Integer.toUnsignedLong(seed) * 0x9E3779B97F4A7C15L | 1;
        for (int i = 0; i < table.length; i++) {
            x ^= x << 13;                      // xorshift64
            x ^= x >>> 7;
            x ^= x << 17;
            table[i] = x;
        }
    }

    /** What a block holds after a round. */
    public byte[] block(long block, int round) {
        ByteBuffer data = ByteBuffer.allocate(BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long sector = block * BLOCK_SECTORS; sector < (block + 1) * BLOCK_SECTORS; sector++) {
            data.putLong(sector).putInt(seed).putInt(round);
            int place = (int) ((block * PLACES_PER_BLOCK + sector) % PLACES);
            for (int word = 0; word < DATA_WORDS; word++) {
                data.putLong(table[place + word]);
            }
        }
        return data.array();
    }

    /** The round that a block says it is of. */
    public static int round(byte[] block) {
        return ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN).getInt(ROUND_OFFSET);
    }
}
