// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.testkit;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Tuple;

/**
 * One access of a hostile guest.
 *
 * @param where    picks among the areas that a storm goes over
 * @param offset   in the area
 * @param byteSize 1, 2, 4 or 8
 * @param write    or a read
 * @param value    to write
 */
public record RegisterAccess(int where, int offset, int byteSize, boolean write, long value) {

    /** Accesses of {@code areas} areas, with offsets below {@code areaBytes}. */
    public static Arbitrary<RegisterAccess> in(int areas, int areaBytes) {
        Arbitrary<Integer> aligned = Arbitraries.integers().between(0, areaBytes / 4 - 1).map(word -> 4 * word);
        Arbitrary<Integer> offsets = Arbitraries.frequencyOf(
                Tuple.of(3, aligned),
                Tuple.of(1, Arbitraries.integers().between(0, areaBytes - 1)));
        return Combinators.combine(
                Arbitraries.integers().between(0, areas - 1),
                offsets,
                Arbitraries.of(1, 2, 4, 4, 8),
                Arbitraries.of(true, true, false),
                values()).as(RegisterAccess::new);
    }

    /** Values near those where arithmetic goes wrong. */
    public static Arbitrary<Long> values() {
        return Arbitraries.oneOf(
                Arbitraries.of(0L, 1L, 2L, 4L, 8L, 0xfL, 0x10L, 0xffL, 0x100L, 0x7fffL, 0x8000L, 0xc000L, 0xffffL,
                        0x7fff_ffffL, 0x8000_0000L, 0x8000_0001L, 0xffff_ffffL, Long.MAX_VALUE, Long.MIN_VALUE, -1L),
                Arbitraries.longs().between(0, 64),
                Arbitraries.longs().between(0, 0xffff),
                Arbitraries.longs());
    }

    /** Does it at {@code base}; returns what was read, 0 for a write. */
    public long at(TestMachine machine, long base) {
        if (write) {
            machine.write(base + offset, byteSize, value);
            return 0;
        }
        return machine.read(base + offset, byteSize);
    }
}
