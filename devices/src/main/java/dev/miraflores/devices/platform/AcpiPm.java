// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import dev.miraflores.devices.BusDevice;
import dev.miraflores.devices.InterruptLine;
import dev.miraflores.devices.LevelLine;
import dev.miraflores.devices.Resettable;
import java.util.function.LongSupplier;

/**
 * ACPI fixed hardware: PM1a event and control blocks, PM timer, GPE0 block. Always in ACPI mode, so there is no SMI
 * command to leave legacy mode with (SMI_CMD is 0 in the FADT).
 * <pre>  0x00  PM1 status   w1c  bit 0 TMR, 5 GBL, 8 PWRBTN, 9 SLPBTN, 10 RTC, 15 WAK
 *   0x02  PM1 enable   rw   the same bits
 *   0x04  PM1 control  rw   bit 0 SCI_EN (always 1), 10-12 SLP_TYP, 13 SLP_EN (write only)
 *   0x08  PM timer     ro   3.579545 MHz, 24 or 32 bits
 *   0x20  GPE0 status  w1c  32 events
 *   0x24  GPE0 enable  rw   32 events </pre>
 * Any width and alignment; the timer is sampled once per access.
 * <p>Thread: any.
 * <p>Source: ACPI 6.5 §4.8.
 */
public final class AcpiPm implements BusDevice, Resettable, AutoCloseable {

    public static final int PORT_COUNT = 0x28;
    public static final int PM1_STATUS = 0x00;
    public static final int PM1_ENABLE = 0x02;
    public static final int PM1_CONTROL = 0x04;
    public static final int TIMER = 0x08;
    public static final int GPE0_STATUS = 0x20;
    public static final int GPE0_ENABLE = 0x24;
    /** SLP_TYP of S5, as the DSDT's _S5 package must say. */
    public static final int SLP_TYP_S5 = 5;
    public static final int TIMER_HZ = 3_579_545;

    private static final int TMR_STS = 1;
    private static final int GBL_STS = 1 << 5;
    private static final int PWRBTN_STS = 1 << 8;
    private static final int SLPBTN_STS = 1 << 9;
    private static final int RTC_STS = 1 << 10;
    private static final int PM1_EVENTS = TMR_STS | GBL_STS | PWRBTN_STS | SLPBTN_STS | RTC_STS;
    private static final int SCI_EN = 1;
    private static final int BM_RLD = 1 << 1;
    private static final int SLP_TYP_SHIFT = 10;
    private static final int SLP_TYP = 7 << SLP_TYP_SHIFT;
    private static final int SLP_EN = 1 << 13;
    private static final long NS_PER_S = 1_000_000_000L;

    private final LevelLine sci;
    private final PowerControl power;
    private final int timerBits;
    private final LongSupplier nanoTime;
    private final long startNs;
    private final DeviceTimer carry = new DeviceTimer("acpi-pm") {
        @Override
        void onExpiry() {
            onCarry();
        }
    };

    private int pm1Status;
    private int pm1Enable;
    private int pm1Control = SCI_EN;
    private int gpeStatus;
    private int gpeEnable;
    private long halvesSeen;

    /** @param timer32 whether the FADT says TMR_VAL_EXT: a timer of 32 bits, not 24 */
    public AcpiPm(InterruptLine sci, PowerControl power, boolean timer32) {
        this(sci, power, timer32, HostTime.MONOTONIC);
    }

    AcpiPm(InterruptLine sci, PowerControl power, boolean timer32, LongSupplier nanoTime) {
        this.sci = new LevelLine(sci);
        this.power = power;
        this.timerBits = timer32 ? 32 : 24;
        this.nanoTime = nanoTime;
        this.startNs = nanoTime.getAsLong();
    }

    /** The timer counts on: where it stands is of no meaning to who comes new. */
    @Override
    public synchronized void reset() {
        pm1Status = 0;
        pm1Enable = 0;
        pm1Control = SCI_EN;
        gpeStatus = 0;
        gpeEnable = 0;
        clearStatus(TMR_STS);
        updateSci();
    }

    /** The power button is pressed: a guest that listens shuts down in good order. */
    public synchronized void pressPowerButton() {
        pm1Status |= PWRBTN_STS;
        updateSci();
    }

    /** Raises general-purpose event {@code event}, 0 to 31, whose handler is the DSDT's {@code \_GPE._Exx}. */
    public synchronized void raiseGpe(int event) {
        gpeStatus |= 1 << event;
        updateSci();
    }

    @Override
    public synchronized long read(long offset, int byteSize) {
        long ticks = ticks();
        long value = 0;
        for (int i = 0; i < byteSize; i++) {
            value |= (readByte((int) offset + i, ticks) & 0xFFL) << 8 * i;
        }
        return value;
    }

    private int readByte(int at, long ticks) {
        return switch (at) {
            case 0, 1 -> status(ticks) >>> 8 * at;
            case 2, 3 -> pm1Enable >>> 8 * (at - PM1_ENABLE);
            case 4, 5 -> pm1Control >>> 8 * (at - PM1_CONTROL);
            case 8, 9, 10, 11 -> (int) ((ticks & (1L << timerBits) - 1) >>> 8 * (at - TIMER));
            case 0x20, 0x21, 0x22, 0x23 -> gpeStatus >>> 8 * (at - GPE0_STATUS);
            case 0x24, 0x25, 0x26, 0x27 -> gpeEnable >>> 8 * (at - GPE0_ENABLE);
            default -> 0;
        };
    }

    @Override
    public void write(long offset, int byteSize, long value) {
        boolean off = false;
        synchronized (this) {
            for (int i = 0; i < byteSize; i++) {
                off |= writeByte((int) offset + i, (int) (value >>> 8 * i) & 0xFF);
            }
            updateSci();
        }
        if (off) {
            power.powerOff();
        }
    }

    /** Whether this write turns the machine off. */
    private boolean writeByte(int at, int value) {
        switch (at) {
            case 0, 1 -> clearStatus(value << 8 * at);
            case 2, 3 -> {
                pm1Enable = replace(pm1Enable, at - PM1_ENABLE, value) & PM1_EVENTS;
                scheduleCarry();
            }
            case 4, 5 -> {
                int control = replace(pm1Control, at - PM1_CONTROL, value);
                pm1Control = control & (SLP_TYP | BM_RLD) | SCI_EN;
                return (control & SLP_EN) != 0 && (control & SLP_TYP) == SLP_TYP_S5 << SLP_TYP_SHIFT;
            }
            case 0x20, 0x21, 0x22, 0x23 -> gpeStatus &= ~(value << 8 * (at - GPE0_STATUS));
            case 0x24, 0x25, 0x26, 0x27 -> gpeEnable = replace(gpeEnable, at - GPE0_ENABLE, value);
            default -> { }
        }
        return false;
    }

    private static int replace(int register, int byteIndex, int value) {
        int shift = 8 * byteIndex;
        return register & ~(0xFF << shift) | value << shift;
    }

    private long ticks() {
        long ns = nanoTime.getAsLong() - startNs;
        return ns / NS_PER_S * TIMER_HZ + ns % NS_PER_S * TIMER_HZ / NS_PER_S;
    }

    /** TMR_STS is set each time the timer's highest bit changes (§4.8.3.1.1). */
    private int status(long ticks) {
        return pm1Status | (ticks >>> timerBits - 1 != halvesSeen ? TMR_STS : 0);
    }

    private void clearStatus(int bits) {
        if ((bits & TMR_STS) != 0) {
            halvesSeen = ticks() >>> timerBits - 1;
            scheduleCarry();
        }
        pm1Status &= ~bits;
    }

    private void scheduleCarry() {
        if ((pm1Enable & TMR_STS) == 0) {
            carry.disarm();
            return;
        }
        long half = 1L << timerBits - 1;
        long left = half - (ticks() & half - 1);
        carry.arm(left * NS_PER_S / TIMER_HZ + 1);
    }

    private synchronized void onCarry() {
        updateSci();
    }

    private void updateSci() {
        boolean fixed = (status(ticks()) & pm1Enable) != 0;
        sci.set(fixed || (gpeStatus & gpeEnable) != 0);
    }

    @Override
    public void close() {
        carry.close();
    }
}
