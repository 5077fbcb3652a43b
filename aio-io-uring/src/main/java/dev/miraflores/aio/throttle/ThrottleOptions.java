// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

import dev.miraflores.aio.DriveException;
import java.util.Arrays;
import java.util.Map;

/**
 * What a drive says about throttling: its {@code throttling.…} keys, with QEMU's names and rules.
 * <pre>  throttling.{bps,iops}-{total,read,write}               per second in the long run
 *   throttling.{bps,iops}-{total,read,write}-max           per second in a burst
 *   throttling.{bps,iops}-{total,read,write}-max-length    seconds that a burst may take; 1
 *   throttling.iops-size                                   bytes that count as one operation
 *   throttling.group                                       whom to share the limits with; the drive's id </pre>
 *
 * @param group  the name of the group
 * @param config its limits
 */
public record ThrottleOptions(String group, ThrottleConfig config) {

    private static final String PREFIX = "throttling.";
    private static final String GROUP = "group";
    private static final String IOPS_SIZE = "iops-size";
    private static final String MAX = "-max";
    private static final String MAX_LENGTH = "-max-length";

    /** Whether {@code key} is about throttling, a known one or not. */
    public static boolean isKey(String key) {
        return key.startsWith(PREFIX);
    }

    /**
     * Reads the keys of {@code drive} that are about throttling; passes over the others.
     *
     * @param driveId names the drive in errors, and the group where the keys do not
     * @return {@code null} where no limit is set: the drive needs no throttle
     * @throws DriveException where a key is unknown, a value is no number, or limits do not go together
     */
    public static ThrottleOptions parse(String driveId, Map<String, String> drive) {
        String group = null;
        long iopsSize = 0;
        boolean anyNumber = false;
        Values values = new Values(driveId);
        for (Map.Entry<String, String> option : drive.entrySet()) {
            String key = option.getKey();
            if (!isKey(key)) {
                continue;
            }
            String word = key.substring(PREFIX.length());
            if (word.equals(GROUP)) {
                group = option.getValue();
            } else if (word.equals(IOPS_SIZE)) {
                iopsSize = number(driveId, key, option.getValue());
                anyNumber = true;
            } else {
                values.set(word, key, option.getValue());
                anyNumber = true;
            }
        }
        if (group != null && (group.isEmpty() || !anyNumber)) {
            throw new DriveException("drive " + driveId + ": " + PREFIX + GROUP + "=" + group + (group.isEmpty()
                ? ": a group has a name" : ": its limits are to be said here as well, as in throttling.iops-total=N"));
        }
        ThrottleConfig config = values.config(iopsSize);
        return config.isLimited() ? new ThrottleOptions(group == null ? driveId : group, config) : null;
    }

    private static long number(String driveId, String key, String text) {
        try {
            long value = Long.parseLong(text);
            if (value >= 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            // as below
        }
        throw new DriveException("drive " + driveId + ": " + key + "=" + text + " is not a whole number of 0 or more");
    }

    /** The numbers of each kind, while they are read. */
    private static final class Values {
        private final String driveId;
        private final long[] rates = new long[ThrottleKind.values().length];
        private final long[] maxima = new long[rates.length];
        private final long[] lengths = new long[rates.length];

        Values(String driveId) {
            this.driveId = driveId;
            Arrays.fill(lengths, 1);
        }

        void set(String word, String key, String text) {
            for (ThrottleKind kind : ThrottleKind.values()) {
                if (word.startsWith(kind.word())) {
                    long[] values = switch (word.substring(kind.word().length())) {
                        case "" -> rates;
                        case MAX -> maxima;
                        case MAX_LENGTH -> lengths;
                        default -> null;
                    };
                    if (values != null) {
                        values[kind.ordinal()] = number(driveId, key, text);
                        return;
                    }
                }
            }
            throw new DriveException("drive " + driveId + ": no key " + key + "; there are throttling.iops-total, iops-read, "
                + "iops-write, bps-total, bps-read, bps-write, each also with -max and -max-length, iops-size and group");
        }

        ThrottleConfig config(long iopsSize) {
            ThrottleLimit[] limits = new ThrottleLimit[rates.length];
            for (ThrottleKind kind : ThrottleKind.values()) {
                int i = kind.ordinal();
                try {
                    limits[i] = new ThrottleLimit(rates[i], maxima[i], lengths[i]);
                } catch (IllegalArgumentException e) {
                    throw new DriveException("drive " + driveId + ": " + PREFIX + kind.word() + ": " + e.getMessage());
                }
            }
            try {
                return ThrottleConfig.of(limits, iopsSize);
            } catch (IllegalArgumentException e) {
                throw new DriveException("drive " + driveId + ": throttling: " + e.getMessage());
            }
        }
    }
}
