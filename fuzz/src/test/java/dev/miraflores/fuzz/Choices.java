// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.fuzz;

/** Who decides what happens next: a fuzzer's input ({@link FuzzInput}) or {@link Chance}. */
public interface Choices {

    /** Whether there is more to happen. */
    boolean hasMore();

    /** A number below {@code bound}. */
    int below(int bound);

    /** A number of {@code byteSize} bytes. */
    long number(int byteSize);

    /** One of {@code values}. */
    default long among(long... values) {
        return values[below(values.length)];
    }

    /** True about once in {@code times}; where choices have run out, never. */
    default boolean oneIn(int times) {
        return below(times) == times - 1;
    }
}
