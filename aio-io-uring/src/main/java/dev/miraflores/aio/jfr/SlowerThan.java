// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.jfr;

import java.util.Locale;
import java.util.Set;
import jdk.jfr.SettingControl;

/**
 * A recording's setting for {@link SlowRequestEvent}, such as {@code 20 ms}. JFR's own threshold is of no use there: an event
 * would have to be made when a request begins, slow or not.
 */
public final class SlowerThan extends SettingControl {

    static final String NAME = "slowerThan";
    private static final String DEFAULT = "100 ms";
    private static final String[] UNITS = {"ns", "us", "ms", "s", "m", "h"};
    private static final long[] UNIT_NS = {1, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000L, 3_600_000_000_000L};

    private volatile String value = DEFAULT;
    private volatile long ns = parse(DEFAULT);

    /** For JFR. */
    public SlowerThan() {
    }

    long ns() {
        return ns;
    }

    /** Where several recordings run, the least of theirs. */
    @Override
    public String combine(Set<String> values) {
        String least = null;
        for (String each : values) {
            if (parse(each) >= 0 && (least == null || parse(each) < parse(least))) {
                least = each;
            }
        }
        return least == null ? DEFAULT : least;
    }

    /** What it cannot read changes nothing, as with JFR's own settings. */
    @Override
    public void setValue(String text) {
        long parsed = parse(text);
        if (parsed >= 0) {
            value = text;
            ns = parsed;
            FlightEvents.setSlowNs(parsed);
        }
    }

    @Override
    public String getValue() {
        return value;
    }

    /** A number and a unit, with or without a space between; −1 for anything else. */
    static long parse(String text) {
        String trimmed = text.strip().toLowerCase(Locale.ROOT);
        int digits = 0;
        while (digits < trimmed.length() && Character.isDigit(trimmed.charAt(digits))) {
            digits++;
        }
        String unit = trimmed.substring(digits).strip();
        for (int i = 0; i < UNITS.length; i++) {
            if (UNITS[i].equals(unit)) {
                try {
                    return Math.multiplyExact(Long.parseLong(trimmed, 0, digits, 10), UNIT_NS[i]);
                } catch (ArithmeticException | NumberFormatException e) {
                    return -1;
                }
            }
        }
        return -1;
    }
}
