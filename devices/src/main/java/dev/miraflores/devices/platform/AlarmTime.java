// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

/** When an RTC's alarm is due. */
final class AlarmTime {

    private AlarmTime() {
    }

    /**
     * The first second after {@code after} at which hour, minute and second are these; each may be -1 for any.
     * Long.MAX_VALUE when no time of day is like that.
     */
    static long next(long after, int hour, int minute, int second) {
        if (hour > 23 || minute > 59 || second > 59) {
            return Long.MAX_VALUE;
        }
        long candidate = after + 1;
        while (true) {
            int ofDay = (int) Math.floorMod(candidate, (long) RtcClock.SECONDS_PER_DAY);
            if (hour >= 0 && ofDay / 3600 != hour) {
                candidate += 3600 - ofDay % 3600;          // at most 24 of these, then 60, then 60
            } else if (minute >= 0 && ofDay / 60 % 60 != minute) {
                candidate += 60 - ofDay % 60;
            } else if (second >= 0 && ofDay % 60 != second) {
                candidate++;
            } else {
                return candidate;
            }
        }
    }
}
