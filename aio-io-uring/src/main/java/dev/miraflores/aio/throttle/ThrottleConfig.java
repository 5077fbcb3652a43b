// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.throttle;

/**
 * The limits of a group, with the names, the meaning and the rules that QEMU gives them (docs/throttle.txt there).
 *
 * @param bpsTotal   bytes of reads and writes
 * @param bpsRead    bytes of reads
 * @param bpsWrite   bytes of writes
 * @param iopsTotal  reads and writes
 * @param iopsRead   reads
 * @param iopsWrite  writes
 * @param iopsSize   bytes that count as one operation: a larger one counts as its share of them, a smaller one as one;
 *                   0: all count as one
 */
public record ThrottleConfig(
        ThrottleLimit bpsTotal, ThrottleLimit bpsRead, ThrottleLimit bpsWrite,
        ThrottleLimit iopsTotal, ThrottleLimit iopsRead, ThrottleLimit iopsWrite, long iopsSize) {

    /** No limits. */
    public static final ThrottleConfig UNLIMITED = new ThrottleConfig(
        ThrottleLimit.NONE, ThrottleLimit.NONE, ThrottleLimit.NONE,
        ThrottleLimit.NONE, ThrottleLimit.NONE, ThrottleLimit.NONE, 0);

    /** @throws IllegalArgumentException where the limits do not go together; the message says which */
    public ThrottleConfig {
        if (bpsTotal.isSet() && (bpsRead.isSet() || bpsWrite.isSet())
                || iopsTotal.isSet() && (iopsRead.isSet() || iopsWrite.isSet())) {
            throw new IllegalArgumentException(
                "bps/iops/max total values and read/write values cannot be used at the same time");
        }
        if (iopsSize < 0) {
            throw new IllegalArgumentException("iops size cannot be negative");
        }
        if (iopsSize != 0 && !iopsTotal.isSet() && !iopsRead.isSet() && !iopsWrite.isSet()) {
            throw new IllegalArgumentException("iops size requires an iops value to be set");
        }
    }

    /** Of a limit for each kind, by its ordinal. */
    static ThrottleConfig of(ThrottleLimit[] limits, long iopsSize) {
        return new ThrottleConfig(
            limits[ThrottleKind.BPS_TOTAL.ordinal()], limits[ThrottleKind.BPS_READ.ordinal()],
            limits[ThrottleKind.BPS_WRITE.ordinal()], limits[ThrottleKind.IOPS_TOTAL.ordinal()],
            limits[ThrottleKind.IOPS_READ.ordinal()], limits[ThrottleKind.IOPS_WRITE.ordinal()], iopsSize);
    }

    /** The limit of {@code kind}. */
    public ThrottleLimit limit(ThrottleKind kind) {
        return switch (kind) {
            case BPS_TOTAL -> bpsTotal;
            case BPS_READ -> bpsRead;
            case BPS_WRITE -> bpsWrite;
            case IOPS_TOTAL -> iopsTotal;
            case IOPS_READ -> iopsRead;
            case IOPS_WRITE -> iopsWrite;
        };
    }

    /** With another limit of {@code kind}. */
    public ThrottleConfig with(ThrottleKind kind, ThrottleLimit limit) {
        ThrottleLimit[] limits = new ThrottleLimit[ThrottleKind.values().length];
        for (ThrottleKind each : ThrottleKind.values()) {
            limits[each.ordinal()] = each == kind ? limit : limit(each);
        }
        return of(limits, iopsSize);
    }

    public ThrottleConfig withIopsSize(long bytes) {
        return new ThrottleConfig(bpsTotal, bpsRead, bpsWrite, iopsTotal, iopsRead, iopsWrite, bytes);
    }

    /** Whether there is any limit. */
    public boolean isLimited() {
        return bpsTotal.isSet() || bpsRead.isSet() || bpsWrite.isSet()
            || iopsTotal.isSet() || iopsRead.isSet() || iopsWrite.isSet();
    }
}
