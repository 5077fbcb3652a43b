// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.platform;

import dev.miraflores.devices.BusDevice;

/** Port F4h as QEMU's isa-debug-exit: a write of any width ends the run with a value. */
public final class DebugExitPort implements BusDevice {

    /** Ports decoded; QEMU's default for the same device is 2, its users' is 4. */
    public static final int PORT_COUNT = 4;

    private final PowerControl power;

    public DebugExitPort(PowerControl power) {
        this.power = power;
    }

    @Override
    public long read(long offset, int byteSize) {
        return 0;
    }

    @Override
    public void write(long offset, int byteSize, long value) {
        power.debugExit((int) value);
    }
}
