// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import java.util.function.ToLongFunction;

/** The limits of a disk under the names that QEMU's {@code block_set_io_throttle} has for them: {@code bps}, {@code iops_rd_max}. */
public final class Throttles {

    /** What a limit and its bursts are called, by the kind's ordinal. */
    private static final String[] NAMES = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"};
    public static final String MAX = "_max";
    public static final String MAX_LENGTH = "_max_length";
    public static final String IOPS_SIZE = "iops_size";

    private Throttles() {
    }

    public static String name(ThrottleKind kind) {
        return NAMES[kind.ordinal()];
    }

    /**
     * The limits that {@code value} has for each name; 0 where it has none.
     *
     * @throws MonitorException where they do not go together
     */
    public static ThrottleConfig config(ToLongFunction<String> value) {
        try {
            ThrottleConfig config = ThrottleConfig.UNLIMITED;
            ThrottleLimit[] limits = new ThrottleLimit[ThrottleKind.values().length];
            for (ThrottleKind kind : ThrottleKind.values()) {
                String name = name(kind);
                long length = value.applyAsLong(name + MAX_LENGTH);
                limits[kind.ordinal()] = new ThrottleLimit(value.applyAsLong(name), value.applyAsLong(name + MAX), length == 0 ? 1 : length);
            }
            for (ThrottleKind kind : ThrottleKind.values()) {
                config = config.with(kind, limits[kind.ordinal()]);
            }
            return config.withIopsSize(value.applyAsLong(IOPS_SIZE));
        } catch (IllegalArgumentException e) {
            throw new MonitorException(e.getMessage());
        }
    }
}
