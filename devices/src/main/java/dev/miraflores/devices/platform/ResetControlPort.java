// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import dev.miraflores.devices.ByteRegisters;
import dev.miraflores.devices.Resettable;

/**
 * Port CF9h, the chip set's reset control register and ACPI's RESET_REG. Bit 2 going from 0 to 1 resets; bit 1 says
 * whether hard or soft, which is the same here.
 * <p>Its port lies in the middle of PCI's CONFIG_ADDRESS, which takes four-byte accesses only; a byte is ours.
 * <p>Source: Intel ICH9 data sheet §13.7.5 (RST_CNT).
 */
public final class ResetControlPort implements ByteRegisters, Resettable {

    /** What ACPI's RESET_VALUE is for this register: a hard reset, now. */
    public static final int RESET_VALUE = 0x06;

    private static final int RESET_CPU = 0x04;
    private static final int BITS = 0x0E;

    private final PowerControl power;
    private int register;

    public ResetControlPort(PowerControl power) {
        this.power = power;
    }

    @Override
    public synchronized void reset() {
        register = 0;
    }

    @Override
    public synchronized int readByte(int offset) {
        return offset == 0 ? register : 0;
    }

    @Override
    public void writeByte(int offset, int value) {
        if (offset != 0) {
            return;
        }
        boolean resets;
        synchronized (this) {
            resets = (value & ~register & RESET_CPU) != 0;
            register = value & BITS & ~RESET_CPU;
        }
        if (resets) {
            power.reset();
        }
    }
}
