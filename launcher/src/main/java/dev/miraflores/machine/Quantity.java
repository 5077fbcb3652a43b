// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/** Whole numbers in options: {@code 4096}, and where bytes are meant {@code 4K}, {@code 1M}, {@code 2G}, {@code 1T}. */
final class Quantity {

    /** What is not such a number, or more than a long holds. */
    static final long NONE = -1;

    private static final String SUFFIXES = "KMGT";
    private static final int NO_UNIT = -1;

    private Quantity() {
    }

    /** The number, or {@link #NONE}. */
    static long parse(String text) {
        return parse(text, text.length());
    }

    /** As {@link #parse}, with a suffix for powers of 1024. */
    static long parseBytes(String text) {
        int end = text.length();
        int unit = end == 0 ? NO_UNIT : SUFFIXES.indexOf(Character.toUpperCase(text.charAt(end - 1)));
        if (unit == NO_UNIT) {
            return parse(text, end);
        }
        long count = parse(text, end - 1);
        int shift = 10 * (unit + 1);
        return count == NONE || count > Long.MAX_VALUE >>> shift ? NONE : count << shift;
    }

    private static long parse(String text, int end) {
        if (end == 0) {
            return NONE;
        }
        long value = 0;
        for (int i = 0; i < end; i++) {
            int digit = text.charAt(i) - '0';
            if (digit < 0 || digit > 9 || value > (Long.MAX_VALUE - digit) / 10) {
                return NONE;
            }
            value = 10 * value + digit;
        }
        return value;
    }
}
