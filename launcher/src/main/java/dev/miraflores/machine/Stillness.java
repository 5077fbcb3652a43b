// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.kvm.Vm;
import java.util.ArrayList;
import java.util.List;

/**
 * Brings vCPUs and disks to a stand, and lets them go on: vCPUs stop first and start last, so that no disk has new work while
 * it finishes the old.
 * <p>Thread: any but I/O threads and vCPUs; {@link #requestPause}, any.
 */
final class Stillness implements DiskEvents.Machine {

    private static final String ASKED_FOR = "by request";

    private final Vm vm;
    private final DriveBays bays;
    private boolean still;
    /** By a disk, since the last resume began. */
    private volatile boolean pauseWanted;

    Stillness(Vm vm, DriveBays bays) {
        this.vm = vm;
        this.bays = bays;
    }

    /** Returns when nothing moves; false where the machine stopped instead. */
    synchronized boolean pause() {
        if (!vm.pause()) {
            return false;
        }
        if (still) {
            return true;
        }
        try {
            pauseDisks();
        } catch (RuntimeException e) {
            vm.resume();
            throw e;
        }
        still = true;
        bays.events().paused(ASKED_FOR);
        return true;
    }

    private void pauseDisks() {
        List<Drive> paused = new ArrayList<>();
        try {
            for (Drive drive : bays.drives()) {
                pauseDisk(drive);
                paused.add(drive);
            }
        } catch (RuntimeException e) {
            for (Drive drive : paused) {
                drive.device().resume();
            }
            throw e;
        }
    }

    private void pauseDisk(Drive drive) {
        try {
            drive.device().pause();
        } catch (RuntimeException e) {
            // One on its way out finishes what it has, or hangs, and gets nothing new.
            if (bays.isIn(drive)) {
                throw e;
            }
        }
    }

    synchronized void resume() {
        boolean was = vm.isPaused();
        pauseWanted = false;
        for (Drive drive : bays.drives()) {
            drive.device().resume();
        }
        still = false;
        vm.resume();
        if (was) {
            bays.events().resumed();
        }
        if (pauseWanted) {
            // A request failed anew before the vCPUs went on: its pause went by unnoticed.
            vm.requestPause();
        }
    }

    @Override
    public void requestPause() {
        pauseWanted = true;
        vm.requestPause();
    }

    /** Somebody may have resumed the machine meanwhile: then the request has been tried anew, and said so if it failed again. */
    @Override
    public synchronized void pauseFor(DriveError error) {
        if (still || !vm.isPaused() || !vm.pause()) {
            return;
        }
        try {
            pauseDisks();
        } catch (RuntimeException e) {
            // Paused all the same: a disk that hangs is no reason to let the guest run into the error.
            System.getLogger(Stillness.class.getName()).log(System.Logger.Level.WARNING, e.getMessage());
        }
        still = true;
        bays.events().paused(error.toString());
    }
}
