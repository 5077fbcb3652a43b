// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.fuzz;

import java.util.SplittableRandom;

/** Choices by a seed, the same for the same one, without end. */
public final class Chance implements Choices {

    private final SplittableRandom random;

    public Chance(long seed) {
        this.random = new SplittableRandom(seed);
    }

    @Override
    public boolean hasMore() {
        return true;
    }

    @Override
    public int below(int bound) {
        return random.nextInt(bound);
    }

    @Override
    public long number(int byteSize) {
        return byteSize == 8 ? random.nextLong() : random.nextLong() & (1L << 8 * byteSize) - 1;
    }
}
