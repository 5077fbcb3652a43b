// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.virtio.ResettableDevice;
import dev.miraflores.kvm.PowerOnState;
import dev.miraflores.kvm.Vm;
import dev.miraflores.kvm.boot.BootRegisters;
import java.util.ArrayList;
import java.util.List;

/**
 * The order of a reset, of a machine whose vCPUs are held. What is the host's stays: threads, images, mirrors, limits, back ends,
 * and what has been plugged and unplugged.
 * <pre>
 *   registers of the platform      all that raises interrupts for its own sake
 *   hot plug                       disks and NICs that the guest was asked for leave
 *   virtio devices                 what is in flight finishes: nothing writes into guest memory any more
 *   PCI                            addresses as from firmware; no wire is asserted now
 *   interrupt controllers, vCPUs   as before the first start; KVM writes no clock and no stolen time into guest memory any more
 *   guest memory                   zero
 *   kernel, initrd, tables         loaded as for the first start
 *   vCPU 0                         at the kernel's entry </pre>
 * <p>Thread: one at a time, none that a device waits for.
 */
final class MachineReset {

    // How often a device is looked at that the host lets down.
    private static final long LOOK_MS = 20;

    private final Vm vm;
    private final Board board;
    private final DeviceBays bays;
    private final BootImage image;
    private final PowerOnState powerOn;

    MachineReset(Vm vm, Board board, DeviceBays bays, BootImage image, PowerOnState powerOn) {
        this.vm = vm;
        this.board = board;
        this.bays = bays;
        this.image = image;
        this.powerOn = powerOn;
    }

    /**
     * Resets the machine.
     *
     * @return false where it was stopped while this waited for a device
     * @throws dev.miraflores.kvm.boot.BootException where the kernel cannot be loaded once more
     */
    boolean perform() {
        board.resetPlatform();
        bays.reset();
        if (!resetVirtio()) {
            return false;
        }
        board.resetPci();
        powerOn.restore();
        image.clearMemory();
        BootRegisters.apply(image.load().state(), vm.vcpus().getFirst());
        return true;
    }

    /** A device that gives up waiting is waited for all the same: into the new guest's memory it must not write. */
    private boolean resetVirtio() {
        List<ResettableDevice> devices = new ArrayList<>(board.virtioDevices());
        devices.addAll(bays.virtioDevices());
        devices.forEach(ResettableDevice::reset);
        for (ResettableDevice device : devices) {
            while (device.isHung()) {
                if (vm.stopCause() != null) {
                    return false;
                }
                sleep();
            }
        }
        return true;
    }

    private static void sleep() {
        try {
            Thread.sleep(LOOK_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while a device is reset", e);
        }
    }
}
