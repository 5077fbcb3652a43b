// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import static dev.miraflores.devices.platform.RtcClock.NS_PER_S;

import dev.miraflores.devices.ByteRegisters;
import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.LevelLine;
import dev.miraflores.devices.Resettable;
import java.util.function.LongSupplier;

/**
 * The real-time clock and its CMOS memory (MC146818A as in a PC). It runs on the host's clock in UTC; a guest may set
 * its own. What the update, alarm and periodic flags would have become is worked out when they are looked at; a timer
 * runs only while one of them may interrupt and none is waiting to be acknowledged.
 * <pre>  0  port 70h  index, bit 7 is the NMI mask     1  port 71h  data </pre>
 * <p>Thread: any.
 * <p>Source: Motorola MC146818A data sheet; ACPI 6.5 §4.8.3.4 for the century register.
 */
public final class Rtc implements ByteRegisters, Resettable, AutoCloseable {

    public static final int PORT_COUNT = 2;
    /** What the FADT's CENTURY field must say. */
    public static final int CENTURY_INDEX = 0x32;

    private static final int INDEX = 0;
    private static final int DATA = 1;
    private static final int CMOS_BYTES = 128;

    private static final int SECOND_ALARM = 0x01;
    private static final int MINUTE_ALARM = 0x03;
    private static final int HOUR_ALARM = 0x05;
    private static final int REGISTER_A = 0x0A;
    private static final int REGISTER_B = 0x0B;
    private static final int REGISTER_C = 0x0C;
    private static final int REGISTER_D = 0x0D;
    /** Indexes of the time, in the order of {@link RtcClock}'s fields. */
    private static final int[] TIME = {0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, CENTURY_INDEX};

    private static final int A_UPDATING = 0x80;
    private static final int A_DIVIDER_RESET = 0x60;
    private static final int A_DEFAULT = 0x26;             // 32768 Hz crystal, 1024 Hz periodic rate
    private static final int B_SET = 0x80;
    private static final int B_PERIODIC = 0x40;
    private static final int B_ALARM = 0x20;
    private static final int B_UPDATE = 0x10;
    private static final int B_BINARY = 0x04;
    private static final int B_24_HOURS = 0x02;
    private static final int C_INTERRUPT = 0x80;
    /** Flags in C, at the same bits as their enables in B. */
    private static final int SOURCES = B_PERIODIC | B_ALARM | B_UPDATE;
    private static final int D_VALID = 0x80;
    private static final int ALARM_ANY = 0xC0;

    private static final int CRYSTAL_HZ_LOG2 = 15;
    // The update flag rises 244 µs before the registers change (MC146818A, "UIP").
    private static final long UPDATE_WARNING_NS = 244_000;
    private static final long NEVER = Long.MAX_VALUE;

    private final byte[] cmos = new byte[CMOS_BYTES];
    private final int[] fields = new int[RtcClock.FIELDS];
    private final LevelLine line;
    private final RtcClock clock;
    private final DeviceTimer timer = new DeviceTimer("rtc") {
        @Override
        void onExpiry() {
            onTimer();
        }
    };
    private final long ramBelow4GiB;
    private final long ramAbove4GiB;
    private int index;
    private int flags;
    private long seenNs;

    /**
     * @param ramBelow4GiB bytes of RAM under the 32-bit hole, for the CMOS's memory sizes
     * @param ramAbove4GiB bytes of RAM from 4 GiB up
     */
    public Rtc(InterruptLine line, long ramBelow4GiB, long ramAbove4GiB) {
        this(line, ramBelow4GiB, ramAbove4GiB, HostTime.UTC);
    }

    Rtc(InterruptLine line, long ramBelow4GiB, long ramAbove4GiB, LongSupplier hostNs) {
        this.line = new LevelLine(line);
        this.clock = new RtcClock(hostNs);
        this.ramBelow4GiB = ramBelow4GiB;
        this.ramAbove4GiB = ramAbove4GiB;
        powerOn();
    }

    /** What a PC's firmware does each time. */
    private void powerOn() {
        cmos[REGISTER_A] = A_DEFAULT;
        cmos[REGISTER_B] = B_24_HOURS;
        CmosMemorySize.store(cmos, ramBelow4GiB, ramAbove4GiB);
        index = 0;
        flags = 0;
        seenNs = Long.MIN_VALUE;
    }

    /**
     * Ends all interrupts. Time and memory have a battery: they outlive the reset (MC146818A, "RESET"), but for the sizes of
     * RAM, which firmware writes anew. A clock that was being set goes on as it went before.
     */
    @Override
    public synchronized void reset() {
        powerOn();
        settle();
    }

    @Override
    public synchronized int readByte(int offset) {
        return switch (offset) {
            case INDEX -> 0xFF;                            // write only
            case DATA -> readCmos() & 0xFF;
            default -> 0;
        };
    }

    @Override
    public synchronized void writeByte(int offset, int value) {
        if (offset == INDEX) {
            index = value & CMOS_BYTES - 1;
        } else if (offset == DATA) {
            writeCmos(value);
        }
    }

    private int readCmos() {
        switch (index) {
            case REGISTER_A -> {
                return cmos[REGISTER_A] | (updating() ? A_UPDATING : 0);
            }
            case REGISTER_C -> {
                return takeFlags();
            }
            case REGISTER_D -> {
                return D_VALID;
            }
            default -> {
                if (isTime(index)) {
                    refreshTime();
                }
                return cmos[index];
            }
        }
    }

    private void writeCmos(int value) {
        catchUp(clock.ticksNs());
        switch (index) {
            case REGISTER_A -> changeControl(REGISTER_A, value & ~A_UPDATING);
            case REGISTER_B -> changeControl(REGISTER_B, (value & B_SET) != 0 ? value & ~B_UPDATE : value);
            case REGISTER_C, REGISTER_D -> { }             // read only
            default -> {
                boolean time = isTime(index);
                if (time) {
                    refreshTime();
                }
                cmos[index] = (byte) value;
                if (time && !held()) {
                    setTime();
                }
            }
        }
        settle();
    }

    /** A or B: either may stop the clock, and the time is set when it goes on. */
    private void changeControl(int register, int value) {
        boolean wasHeld = held();
        boolean wasReset = dividerReset();
        refreshTime();
        cmos[register] = (byte) value;
        if (wasReset && !dividerReset()) {
            clock.restartDivider();
        }
        if (wasHeld && !held()) {
            setTime();
        }
    }

    private boolean has(int bitsOfB) {
        return (cmos[REGISTER_B] & bitsOfB) != 0;
    }

    private boolean dividerReset() {
        return (cmos[REGISTER_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
    }

    private boolean held() {
        return has(B_SET) || dividerReset();
    }

    private boolean updating() {
        return !held() && Math.floorMod(clock.ticksNs(), NS_PER_S) >= NS_PER_S - UPDATE_WARNING_NS;
    }

    private static boolean isTime(int index) {
        return index == CENTURY_INDEX || index <= 0x09 && index != SECOND_ALARM && index != MINUTE_ALARM
                && index != HOUR_ALARM;
    }

    private void refreshTime() {
        if (held()) {
            return;
        }
        clock.encode(clock.seconds(clock.ticksNs()), fields, has(B_BINARY), has(B_24_HOURS));
        for (int i = 0; i < TIME.length; i++) {
            cmos[TIME[i]] = (byte) fields[i];
        }
    }

    private void setTime() {
        for (int i = 0; i < TIME.length; i++) {
            fields[i] = cmos[TIME[i]] & 0xFF;
        }
        clock.set(fields, has(B_BINARY), has(B_24_HOURS));
        seenNs = clock.ticksNs();
    }

    private int takeFlags() {
        catchUp(clock.ticksNs());
        int value = flags | (interrupting() ? C_INTERRUPT : 0);
        flags = 0;
        settle();
        return value;
    }

    private boolean interrupting() {
        return (flags & cmos[REGISTER_B] & SOURCES) != 0;
    }

    /** Sets the flags of all that has happened since the last look. */
    private void catchUp(long nowNs) {
        if (seenNs < nowNs && seenNs != Long.MIN_VALUE) {  // the host's clock may be set back
            if (nextPeriod(seenNs) <= nowNs) {
                flags |= B_PERIODIC;
            }
            if (nextUpdate(seenNs) <= nowNs) {
                flags |= B_UPDATE;
            }
            if (nextAlarm(seenNs) <= nowNs) {
                flags |= B_ALARM;
            }
        }
        seenNs = nowNs;
    }

    /** The interrupt line follows the flags; the timer is set to what may raise it next. */
    private void settle() {
        boolean interrupting = interrupting();
        line.set(interrupting);
        long next = NEVER;
        if (!interrupting) {
            next = Math.min(has(B_PERIODIC) ? nextPeriod(seenNs) : NEVER,
                    Math.min(has(B_UPDATE) ? nextUpdate(seenNs) : NEVER, has(B_ALARM) ? nextAlarm(seenNs) : NEVER));
        }
        if (next == NEVER) {
            timer.disarm();
        } else {
            timer.arm(next - seenNs);
        }
    }

    private synchronized void onTimer() {
        catchUp(clock.ticksNs());
        settle();
    }

    private long nextUpdate(long afterNs) {
        return held() ? NEVER : (Math.floorDiv(afterNs, NS_PER_S) + 1) * NS_PER_S;
    }

    /** Periods are powers of two of the crystal's, 122 µs to 500 ms (MC146818A table 5; rates 1 and 2 are 8 and 9). */
    private long nextPeriod(long afterNs) {
        int rate = cmos[REGISTER_A] & 15;
        if (rate == 0 || dividerReset()) {
            return NEVER;
        }
        int log2 = rate <= 2 ? rate + 6 : rate - 1;
        long second = Math.floorDiv(afterNs, NS_PER_S);
        long crystal = Math.floorMod(afterNs, NS_PER_S) << CRYSTAL_HZ_LOG2;
        long next = (crystal / NS_PER_S >>> log2) + 1 << log2;
        return second * NS_PER_S + (next * NS_PER_S + (1L << CRYSTAL_HZ_LOG2) - 1 >> CRYSTAL_HZ_LOG2);
    }

    private long nextAlarm(long afterNs) {
        if (held()) {
            return NEVER;
        }
        boolean binary = has(B_BINARY);
        int hour = alarmsAny(HOUR_ALARM) ? -1 : RtcClock.decodeHour(cmos[HOUR_ALARM] & 0xFF, binary, has(B_24_HOURS));
        int minute = alarmsAny(MINUTE_ALARM) ? -1 : RtcClock.decode(cmos[MINUTE_ALARM] & 0xFF, binary);
        int second = alarmsAny(SECOND_ALARM) ? -1 : RtcClock.decode(cmos[SECOND_ALARM] & 0xFF, binary);
        long next = AlarmTime.next(clock.seconds(afterNs), hour, minute, second);
        return next == NEVER ? NEVER : clock.ticksAt(next);
    }

    private boolean alarmsAny(int register) {
        return (cmos[register] & ALARM_ANY) == ALARM_ANY;
    }

    @Override
    public void close() {
        timer.close();
    }
}
