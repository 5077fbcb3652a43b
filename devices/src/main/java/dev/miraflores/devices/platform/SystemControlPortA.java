// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import dev.miraflores.devices.ByteRegisters;
import dev.miraflores.devices.Resettable;

/**
 * Port 92h: bit 1 is the fast A20 gate, remembered and without effect, since A20 is always open here; bit 0 going
 * from 0 to 1 resets.
 * <p>Source: IBM PS/2 technical reference, system control port A; Intel ICH9 data sheet §13.7.3 (PORT92).
 */
public final class SystemControlPortA implements ByteRegisters, Resettable {

    private static final int FAST_RESET = 0x01;
    private static final int A20 = 0x02;

    private final PowerControl power;
    private int register = A20;

    public SystemControlPortA(PowerControl power) {
        this.power = power;
    }

    @Override
    public synchronized void reset() {
        register = A20;
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
            resets = (value & ~register & FAST_RESET) != 0;
            register = value & (A20 | FAST_RESET);
        }
        if (resets) {
            power.reset();
        }
    }
}
