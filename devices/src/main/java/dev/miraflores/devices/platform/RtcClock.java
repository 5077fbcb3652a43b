// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import java.time.LocalDate;
import java.util.function.LongSupplier;

/**
 * The RTC's idea of time: the host's UTC clock, shifted by whatever the guest has set, and the calendar in the
 * registers' formats.
 * <p>Thread: the RTC's lock is held around each call.
 */
final class RtcClock {

    static final long NS_PER_S = 1_000_000_000L;
    static final int SECONDS_PER_DAY = 86_400;

    /** Positions in a time as {@link #encode} gives it and {@link #set} takes it. */
    static final int SECOND = 0;
    static final int MINUTE = 1;
    static final int HOUR = 2;
    static final int WEEKDAY = 3;
    static final int DAY = 4;
    static final int MONTH = 5;
    static final int YEAR = 6;
    static final int CENTURY = 7;
    static final int FIELDS = 8;

    private final LongSupplier hostNs;
    private long phaseNs;
    private long shiftSeconds;

    /** @param hostNs nanoseconds since 1970-01-01T00:00 UTC */
    RtcClock(LongSupplier hostNs) {
        this.hostNs = hostNs;
    }

    /** A count of nanoseconds that is a multiple of {@link #NS_PER_S} whenever a second begins. */
    long ticksNs() {
        return hostNs.getAsLong() + phaseNs;
    }

    /** Guest seconds since 1970 at {@code ticksNs}. */
    long seconds(long ticksNs) {
        return Math.floorDiv(ticksNs, NS_PER_S) + shiftSeconds;
    }

    /** The ticks at which guest second {@code seconds} begins. */
    long ticksAt(long seconds) {
        return (seconds - shiftSeconds) * NS_PER_S;
    }

    /** Lets the next second begin half a second from now, as it does when the divider is let go (MC146818A, "DV"). */
    void restartDivider() {
        long now = ticksNs();
        long wanted = NS_PER_S / 2 - Math.floorMod(now, NS_PER_S);
        phaseNs = Math.floorMod(phaseNs + wanted, NS_PER_S);
    }

    /** Sets the time; fields out of range carry into the next higher one. */
    void set(int[] fields, boolean binary, boolean hours24) {
        int century = decode(fields[CENTURY], binary);
        int year = century * 100 + decode(fields[YEAR], binary);
        long day = LocalDate.of(year, 1, 1).plusMonths(decode(fields[MONTH], binary) - 1L)
                .plusDays(decode(fields[DAY], binary) - 1L).toEpochDay();
        long second = day * SECONDS_PER_DAY + decodeHour(fields[HOUR], binary, hours24) * 3600L
                + decode(fields[MINUTE], binary) * 60L + decode(fields[SECOND], binary);
        shiftSeconds += second - seconds(ticksNs());
    }

    /** The time as register values. */
    void encode(long seconds, int[] fields, boolean binary, boolean hours24) {
        int ofDay = (int) Math.floorMod(seconds, (long) SECONDS_PER_DAY);
        LocalDate date = LocalDate.ofEpochDay(Math.floorDiv(seconds, SECONDS_PER_DAY));
        fields[SECOND] = encode(ofDay % 60, binary);
        fields[MINUTE] = encode(ofDay / 60 % 60, binary);
        fields[HOUR] = encodeHour(ofDay / 3600, binary, hours24);
        fields[WEEKDAY] = encode(date.getDayOfWeek().getValue() % 7 + 1, binary);   // Sunday is 1
        fields[DAY] = encode(date.getDayOfMonth(), binary);
        fields[MONTH] = encode(date.getMonthValue(), binary);
        fields[YEAR] = encode(Math.floorMod(date.getYear(), 100), binary);
        fields[CENTURY] = encode(Math.floorMod(Math.floorDiv(date.getYear(), 100), 100), binary);
    }

    static int decode(int value, boolean binary) {
        return binary ? value : (value >>> 4) * 10 + (value & 15);
    }

    static int decodeHour(int value, boolean binary, boolean hours24) {
        if (hours24) {
            return decode(value, binary);
        }
        return decode(value & 0x7F, binary) % 12 + ((value & 0x80) != 0 ? 12 : 0);
    }

    private static int encode(int value, boolean binary) {
        return binary ? value : value / 10 << 4 | value % 10;
    }

    private static int encodeHour(int hour, boolean binary, boolean hours24) {
        if (hours24) {
            return encode(hour, binary);
        }
        int ofHalf = hour % 12 == 0 ? 12 : hour % 12;
        return encode(ofHalf, binary) | (hour >= 12 ? 0x80 : 0);
    }
}
