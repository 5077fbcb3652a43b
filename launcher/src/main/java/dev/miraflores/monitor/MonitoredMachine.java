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

/**
 * What a monitor wants of a machine, in the words of {@link VirtualMachine}.
 * <p>Thread: any.
 */
public interface MonitoredMachine {

    String name();

    boolean pause();

    void resume();

    boolean isPaused();

    void pressPowerButton();

    void requestReset();

    void requestStop();

    /** Null while it runs. */
    StopCause stopCause();

    List<VcpuStatus> vcpus();

    List<IoThreadStatus> ioThreads();

    List<PciSlotReport> pciSlots();

    int slot(String deviceId);

    /** Null where there is none. */
    Balloon balloon();

    List<CharDeviceStatus> charDevices();

    List<Drive> drives();

    List<Nic> nics();

    String addDrive(DriveConfig drive);

    DeviceRemoval removeDrive(String id);

    void checkNic(NicConfig nic);

    String addNic(NicConfig nic);

    DeviceRemoval removeNic(String id);

    void addListener(MachineListener listener);

    void removeListener(MachineListener listener);

    /** That of a machine. */
    static MonitoredMachine of(VirtualMachine machine) {
        return new LiveMachine(machine);
    }
}
