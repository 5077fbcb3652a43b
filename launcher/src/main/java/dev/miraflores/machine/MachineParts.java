// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.kvm.Vm;
import java.util.ArrayList;
import java.util.List;

/**
 * What {@link Stillness} brings to a stand. Thread: any.
 *
 * @param others devices that are there for good
 */
record MachineParts(Vm vm, DeviceBays bays, List<Stillness.Device> others) implements Stillness.Parts {

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
    public List<Stillness.Device> devices() {
        List<Stillness.Device> devices = new ArrayList<>(bays.still());
        devices.addAll(others);
        return devices;
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
