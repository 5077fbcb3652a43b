// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import java.util.List;
import java.util.Map;

/**
 * A virtio-rng device, and how much of the host's entropy its guest may have.
 *
 * @param maxBytes in a period; {@link Long#MAX_VALUE} is any
 * @param periodMs how long one is, in milliseconds
 */
public record RngConfig(long maxBytes, long periodMs) {

    private static final String OPTION = "--rng";
    private static final List<String> KEYS = List.of("max-bytes", "period");

    /** QEMU's: some 65 seconds. */
    public static final long DEFAULT_PERIOD_MS = 1 << 16;
    /** As much as it asks for. */
    public static final RngConfig UNLIMITED = new RngConfig(Long.MAX_VALUE, DEFAULT_PERIOD_MS);

    public RngConfig {
        if (maxBytes < 1 || periodMs < 1 || periodMs > Integer.MAX_VALUE) {
            throw new ConfigException(OPTION + " max-bytes=" + maxBytes + ",period=" + periodMs
                    + ": use 1 byte or more, and 1 to " + Integer.MAX_VALUE + " milliseconds");
        }
    }

    /** Reads what {@code --rng} is given: QEMU's words, or nothing. */
    public static RngConfig parse(String text) {
        long maxBytes = Long.MAX_VALUE;
        long periodMs = DEFAULT_PERIOD_MS;
        Map<String, String> pairs = OptionWords.pairs(OPTION, text, KEYS);
        for (Map.Entry<String, String> pair : pairs.entrySet()) {
            String value = pair.getValue();
            long number = pair.getKey().equals("period") ? Quantity.parse(value) : Quantity.parseBytes(value);
            if (number == Quantity.NONE) {
                throw new ConfigException(OPTION + " " + text + ": " + pair.getKey() + "=" + value
                        + " is not a number; use max-bytes=1024,period=1000, for example");
            }
            if (pair.getKey().equals("period")) {
                periodMs = number;
            } else {
                maxBytes = number;
            }
        }
        if (pairs.containsKey("period") && !pairs.containsKey("max-bytes")) {
            throw new ConfigException(OPTION + " " + text + ": a period limits nothing by itself; use max-bytes=N,period=MS");
        }
        return new RngConfig(maxBytes, periodMs);
    }
}
