// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.Bus;
import dev.miraflores.devices.platform.PowerControl;
import dev.miraflores.kvm.ExitHandler;

/** Leads what KVM could not finish to the devices on the two buses. */
final class BusExitHandler implements ExitHandler {

    private final Bus ports;
    private final Bus memory;
    private final PowerControl power;

    BusExitHandler(Bus ports, Bus memory, PowerControl power) {
        this.ports = ports;
        this.memory = memory;
        this.power = power;
    }

    @Override
    public long portRead(int port, int byteSize) {
        return ports.read(port, byteSize);
    }

    @Override
    public void portWrite(int port, int byteSize, long value) {
        ports.write(port, byteSize, value);
    }

    @Override
    public long mmioRead(long gpa, int byteSize) {
        return memory.read(gpa, byteSize);
    }

    @Override
    public void mmioWrite(long gpa, int byteSize, long value) {
        memory.write(gpa, byteSize, value);
    }

    @Override
    public boolean reset() {
        power.reset();
        return true;
    }
}
