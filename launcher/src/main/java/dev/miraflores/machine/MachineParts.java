// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.kvm.Vm;
import java.util.ArrayList;
import java.util.List;

/**
 * What {@link Stillness} brings to a stand. Thread: any.
 *
 * @param others devices besides the disks
 */
record MachineParts(Vm vm, DriveBays bays, List<Stillness.Disk> others) implements Stillness.Parts {

    @Override
    public boolean pause() {
        return vm.pause();
    }

    @Override
    public void requestPause() {
        vm.requestPause();
    }

    @Override
    public void resume() {
        vm.resume();
    }

    @Override
    public boolean isPaused() {
        return vm.isPaused();
    }

    @Override
    public List<Stillness.Disk> disks() {
        List<Stillness.Disk> disks = new ArrayList<>();
        for (Drive drive : bays.drives()) {
            disks.add(new Disk(drive, bays));
        }
        disks.addAll(others);
        return disks;
    }

    private record Disk(Drive drive, DriveBays bays) implements Stillness.Disk {

        @Override
        public void pause() {
            drive.device().pause();
        }

        @Override
        public void resume() {
            drive.device().resume();
        }

        @Override
        public boolean isIn() {
            return bays.isIn(drive);
        }
    }

    @Override
    public void paused(String why) {
        bays.events().paused(why);
    }

    @Override
    public void resumed() {
        bays.events().resumed();
    }
}
