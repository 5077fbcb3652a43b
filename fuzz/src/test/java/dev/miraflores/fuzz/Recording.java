// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.fuzz;

/** Choices by a seed, written down as the input that makes {@link FuzzInput} choose the same. */
public final class Recording implements Choices {

    private final Chance chance;
    private final Seed seed = new Seed();

    public Recording(long seed) {
        this.chance = new Chance(seed);
    }

    @Override
    public boolean hasMore() {
        return true;
    }

    @Override
    public int below(int bound) {
        int value = chance.below(Math.min(bound, 1 << 16));
        seed.number(bound <= 256 ? 1 : 2, value);
        return value;
    }

    @Override
    public long number(int byteSize) {
        long value = chance.number(byteSize);
        seed.number(byteSize, value);
        return value;
    }

    public Seed seed() {
        return seed;
    }
}
