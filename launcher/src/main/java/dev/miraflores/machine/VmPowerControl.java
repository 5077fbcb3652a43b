// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.platform.PowerControl;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.kvm.Vm;

/** Ends the virtual machine when the guest asks for it. */
final class VmPowerControl implements PowerControl {

    private final Vm vm;

    VmPowerControl(Vm vm) {
        this.vm = vm;
    }

    @Override
    public void powerOff() {
        vm.requestStop(new StopCause.PowerOff());
    }

    @Override
    public void reset() {
        vm.requestStop(new StopCause.Reset());
    }

    @Override
    public void debugExit(int value) {
        vm.requestStop(new StopCause.GuestExit(value));
    }
}
