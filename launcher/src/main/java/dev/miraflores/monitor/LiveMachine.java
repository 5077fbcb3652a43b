// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.devices.pci.PciSlotReport;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.machine.Balloon;
import dev.miraflores.machine.CharDeviceStatus;
import dev.miraflores.machine.DeviceRemoval;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveConfig;
import dev.miraflores.machine.IoThreadStatus;
import dev.miraflores.machine.MachineListener;
import dev.miraflores.machine.Nic;
import dev.miraflores.machine.NicConfig;
import dev.miraflores.machine.VcpuStatus;
import dev.miraflores.machine.VirtualMachine;
import java.util.List;

/** A machine as it is. */
record LiveMachine(VirtualMachine machine) implements MonitoredMachine {

    @Override
    public String name() {
        return machine.name();
    }

    @Override
    public boolean pause() {
        return machine.pause();
    }

    @Override
    public void resume() {
        machine.resume();
    }

    @Override
    public boolean isPaused() {
        return machine.isPaused();
    }

    @Override
    public void pressPowerButton() {
        machine.pressPowerButton();
    }

    @Override
    public void requestReset() {
        machine.requestReset();
    }

    @Override
    public void requestStop() {
        machine.requestStop();
    }

    @Override
    public StopCause stopCause() {
        return machine.stopCause();
    }

    @Override
    public List<VcpuStatus> vcpus() {
        return machine.vcpus();
    }

    @Override
    public List<IoThreadStatus> ioThreads() {
        return machine.ioThreadStatus();
    }

    @Override
    public List<PciSlotReport> pciSlots() {
        return machine.pciSlots();
    }

    @Override
    public int slot(String deviceId) {
        return machine.slot(deviceId);
    }

    @Override
    public Balloon balloon() {
        return machine.balloon();
    }

    @Override
    public List<CharDeviceStatus> charDevices() {
        return machine.charDevices();
    }

    @Override
    public List<Drive> drives() {
        return machine.drives();
    }

    @Override
    public List<Nic> nics() {
        return machine.nics();
    }

    @Override
    public String addDrive(DriveConfig drive) {
        return machine.addDrive(drive);
    }

    @Override
    public DeviceRemoval removeDrive(String id) {
        return machine.removeDrive(id);
    }

    @Override
    public void checkNic(NicConfig nic) {
        machine.checkNic(nic);
    }

    @Override
    public String addNic(NicConfig nic) {
        return machine.addNic(nic);
    }

    @Override
    public DeviceRemoval removeNic(String id) {
        return machine.removeNic(id);
    }

    @Override
    public void addListener(MachineListener listener) {
        machine.addListener(listener);
    }

    @Override
    public void removeListener(MachineListener listener) {
        machine.removeListener(listener);
    }
}
