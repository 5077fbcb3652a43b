// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.devices.pci.PciIdentity;
import dev.miraflores.devices.pci.PciSlotReport;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.linux.Fd;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/** A machine without disks that does what it is told and remembers it. */
public final class FakeMachine implements MonitoredMachine {

    /** What it was told. */
    public final List<String> told = new CopyOnWriteArrayList<>();
    private final List<MachineListener> listeners = new CopyOnWriteArrayList<>();
    /** Those that it has; to be put in before it is monitored. */
    public final List<Nic> nics = new CopyOnWriteArrayList<>();
    /** Its balloon, or null. */
    public Balloon balloon;
    private volatile boolean paused;
    private volatile StopCause cause;

    @Override
    public String name() {
        return "fake";
    }

    @Override
    public boolean pause() {
        told.add("pause");
        if (!paused) {
            paused = true;
            listeners.forEach(listener -> listener.paused("by request"));
        }
        return true;
    }

    @Override
    public void resume() {
        told.add("resume");
        paused = false;
        listeners.forEach(MachineListener::resumed);
    }

    @Override
    public boolean isPaused() {
        return paused;
    }

    @Override
    public void pressPowerButton() {
        told.add("power");
    }

    @Override
    public void requestReset() {
        told.add("reset");
        listeners.forEach(listener -> listener.reset(false));
    }

    @Override
    public void requestStop() {
        told.add("stop");
        cause = new StopCause.HostRequest();
    }

    @Override
    public StopCause stopCause() {
        return cause;
    }

    @Override
    public List<VcpuStatus> vcpus() {
        return List.of(new VcpuStatus(0, 0, 4711, Map.of("KVM_EXIT_IO", 7L)));
    }

    @Override
    public List<IoThreadStatus> ioThreads() {
        return List.of();
    }

    @Override
    public List<PciSlotReport> pciSlots() {
        return List.of(new PciSlotReport(0, new PciIdentity(0x1b36, 8, 0, 0x060000, 0x1af4, 0x1100), 0, 16, List.of()));
    }

    @Override
    public int slot(String driveId) {
        return -1;
    }

    @Override
    public Balloon balloon() {
        return balloon;
    }

    @Override
    public List<CharDeviceStatus> charDevices() {
        return List.of(new CharDeviceStatus("serial0", "stdio", true),
                new CharDeviceStatus("org.example.0", "disconnected:unix:/run/port,server=on", false));
    }

    @Override
    public List<Drive> drives() {
        return new ArrayList<>();
    }

    @Override
    public List<Nic> nics() {
        return nics;
    }

    @Override
    public String addDrive(DriveConfig drive) {
        told.add("add " + drive.id());
        return drive.id();
    }

    @Override
    public DeviceRemoval removeDrive(String id) {
        throw new AssertionError("it has no disk");
    }

    @Override
    public void checkNic(NicConfig nic) {
        told.add("check " + nic);
    }

    @Override
    public String addNic(NicConfig nic) {
        told.add("add " + nic);
        nic.descriptors().forEach(Fd::close);
        return nic.id();
    }

    @Override
    public DeviceRemoval removeNic(String id) {
        throw new AssertionError("it has no guest");
    }

    @Override
    public void addListener(MachineListener listener) {
        listeners.add(listener);
    }

    @Override
    public void removeListener(MachineListener listener) {
        listeners.remove(listener);
    }
}
