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
    private List<ResettableDevice> devices = List.of();

    MachineReset(Vm vm, Board board, DeviceBays bays, BootImage image, PowerOnState powerOn) {
        this.vm = vm;
        this.board = board;
        this.bays = bays;
        this.image = image;
        this.powerOn = powerOn;
    }

    /** Resets the devices. Each has its time for that; one that gives up waiting for its host is still to be waited for. */
    void resetDevices() {
        board.resetPlatform();
        bays.reset();
        devices = new ArrayList<>(board.virtioDevices());
        devices.addAll(bays.virtioDevices());
        devices.forEach(ResettableDevice::reset);
    }

    /**
     * Waits for those that gave up waiting, for as long as it takes: into the new guest's memory they must not write. (A vhost-user
     * back end that says too early that it is done is not known to be one of them.)
     *
     * @return false where the machine was stopped meanwhile
     */
    boolean awaitDevices() {
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

    /**
     * Puts the rest back, and the kernel into memory.
     *
     * @throws dev.miraflores.kvm.boot.BootException where it cannot be loaded once more
     */
    void startAnew() {
        board.resetPci();
        powerOn.restore();
        image.clearMemory();
        BootRegisters.apply(image.load().state(), vm.vcpus().getFirst());
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
