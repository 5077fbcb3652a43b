// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.platform.PowerControl;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.kvm.Vm;

/** Ends the virtual machine, or resets it, when the guest asks for it. */
final class VmPowerControl implements PowerControl {

    private final Vm vm;
    private final Resets resets;

    VmPowerControl(Vm vm, Resets resets) {
        this.vm = vm;
        this.resets = resets;
    }

    @Override
    public void powerOff() {
        vm.requestStop(new StopCause.PowerOff());
    }

    @Override
    public void reset() {
        resets.request(true);
    }

    @Override
    public void debugExit(int value) {
        vm.requestStop(new StopCause.GuestExit(value));
    }
}
