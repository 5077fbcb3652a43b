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
import java.util.List;
import java.util.Map;

/** A machine that only remembers whether it is paused: no file is opened but by name, and none is made. */
public final class IdleMachine implements MonitoredMachine {

    private boolean paused;

    @Override
    public String name() {
        return "fuzz";
    }

    @Override
    public boolean pause() {
        paused = true;
        return true;
    }

    @Override
    public void resume() {
        paused = false;
    }

    @Override
    public boolean isPaused() {
        return paused;
    }

    @Override
    public void pressPowerButton() {
        // Nobody listens.
    }

    @Override
    public void requestReset() {
        // As above.
    }

    @Override
    public void requestStop() {
        // As above.
    }

    @Override
    public StopCause stopCause() {
        return null;
    }

    @Override
    public List<VcpuStatus> vcpus() {
        return List.of(new VcpuStatus(0, 0, 1, Map.of()));
    }

    @Override
    public List<IoThreadStatus> ioThreads() {
        return List.of();
    }

    @Override
    public List<PciSlotReport> pciSlots() {
        return List.of();
    }

    @Override
    public int slot(String driveId) {
        return -1;
    }

    @Override
    public Balloon balloon() {
        return null;
    }

    @Override
    public List<CharDeviceStatus> charDevices() {
        return List.of(new CharDeviceStatus("serial0", "stdio", true),
                new CharDeviceStatus("org.example.0", "disconnected:unix:/run/port,server=on", false));
    }

    @Override
    public List<Drive> drives() {
        return List.of();
    }

    @Override
    public List<Nic> nics() {
        return List.of();
    }

    @Override
    public String addDrive(DriveConfig drive) {
        return drive.id();
    }

    @Override
    public void checkNic(NicConfig nic) {
    }

    @Override
    public String addNic(NicConfig nic) {
        return nic.id();
    }

    @Override
    public DeviceRemoval removeNic(String id) {
        throw new AssertionError("it has no network interface");
    }

    @Override
    public DeviceRemoval removeDrive(String id) {
        throw new AssertionError("it has no disk");
    }

    @Override
    public void addListener(MachineListener listener) {
        // Nothing happens to it.
    }

    @Override
    public void removeListener(MachineListener listener) {
        // As above.
    }
}
