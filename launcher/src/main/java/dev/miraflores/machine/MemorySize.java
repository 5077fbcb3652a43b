// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/** Sizes of memory in QEMU's words: {@code 512M}, {@code 1.5G}; a plain number is MiB. */
public final class MemorySize {

    /** Guest memory comes in whole multiples of this. */
    public static final long UNIT = 1L << 20;

    private static final String NEEDED = "a guest needs memory; use a size such as 512M";
    private static final int DECIMALS = 3;
    private static final long FRACTION = 1000;

    private MemorySize() {
    }

    /**
     * Bytes of guest memory.
     *
     * @param option what the value was given to, for the message
     * @throws ConfigException when it is not a size, is 0, or is not a whole number of MiB
     */
    public static long parse(String option, String text) {
        return parse(option, text, NEEDED);
    }

    /** The same of another size. @param needed what is said where it is 0 */
    public static long parse(String option, String text, String needed) {
        long bytes = bytes(text);
        if (bytes == NOT_A_SIZE) {
            throw new ConfigException(option + " " + text
                    + ": not a size; write a number with K, M, G or T, such as 512M; a plain number is MiB");
        }
        if (bytes == TOO_LARGE) {
            throw new ConfigException(option + " " + text + ": more than any host has; use less");
        }
        return check(option + " " + text, bytes, needed);
    }

    /** {@code bytes}, when a guest can have so much; {@code what} begins the message when not. */
    static long check(String what, long bytes) {
        return check(what, bytes, NEEDED);
    }

    private static long check(String what, long bytes, String needed) {
        if (bytes <= 0) {
            throw new ConfigException(what + ": " + needed);
        }
        if (bytes % UNIT != 0) {
            throw new ConfigException(what + ": not a whole number of MiB; use " + (bytes / UNIT + 1) + "M");
        }
        return bytes;
    }

    /** A size for people: {@code 512M}, {@code 15.6G}. */
    public static String format(long bytes) {
        String units = "KMGT";
        int unit = 0;
        while (unit < units.length() - 1 && bytes >>> 10 * (unit + 2) != 0) {
            unit++;
        }
        long tenths = (bytes >>> 10 * unit) * 10 >>> 10;
        return tenths / 10 + (tenths % 10 == 0 ? "" : "." + tenths % 10) + units.charAt(unit);
    }

    private static final long NOT_A_SIZE = -1;
    private static final long TOO_LARGE = -2;

    private static long bytes(String text) {
        int end = text.length();
        int shift = 20;
        if (end > 0 && !isDigit(text.charAt(end - 1))) {
            shift = shift(text.charAt(--end));
        }
        int point = text.indexOf('.');
        int wholeEnd = point < 0 ? end : point;
        long whole = digits(text, 0, wholeEnd);
        long thousandths = point < 0 ? 0 : thousandths(text, point + 1, end);
        if (shift < 0 || whole == NOT_A_SIZE || thousandths == NOT_A_SIZE) {
            return NOT_A_SIZE;
        }
        if (whole == TOO_LARGE || whole >= Long.MAX_VALUE >>> shift) {
            return TOO_LARGE;
        }
        // Rounded to the nearest byte; what is then no whole MiB is refused like any other.
        return (whole << shift) + (thousandths << shift) / FRACTION;
    }

    private static int shift(char suffix) {
        return switch (suffix) {
            case 'B', 'b' -> 0;
            case 'K', 'k' -> 10;
            case 'M', 'm' -> 20;
            case 'G', 'g' -> 30;
            case 'T', 't' -> 40;
            default -> -1;
        };
    }

    private static long digits(String text, int from, int to) {
        if (from >= to) {
            return NOT_A_SIZE;
        }
        long value = 0;
        boolean large = false;
        for (int i = from; i < to; i++) {
            char c = text.charAt(i);
            if (!isDigit(c)) {
                return NOT_A_SIZE;
            }
            large |= value > (Long.MAX_VALUE - 9) / 10;
            value = large ? value : value * 10 + (c - '0');
        }
        return large ? TOO_LARGE : value;
    }

    /** Up to three digits after a decimal point: no one means a size that more of them tell apart. */
    private static long thousandths(String text, int from, int to) {
        if (to - from > DECIMALS || digits(text, from, to) == NOT_A_SIZE) {
            return NOT_A_SIZE;
        }
        long value = 0;
        for (int i = 0; i < DECIMALS; i++) {
            value = value * 10 + (from + i < to ? text.charAt(from + i) - '0' : 0);
        }
        return value;
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }
}
