// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.pci;

import dev.miraflores.devices.testkit.RecordingDevice;
import dev.miraflores.devices.testkit.TestMachine;

/** A bus of which some slots are taken. */
final class TestSlots implements AutoCloseable {

    private static final PciIdentity IDENTITY = new PciIdentity(0x1234, 0x5678, 1, 0xff0000, 0x1af4, 0x1100);

    private final TestMachine machine = new TestMachine();

    TestSlots(int taken) {
        for (int slot = 1; slot < PciRoot.SLOTS; slot++) {
            if ((taken >>> slot & 1) != 0) {
                machine.pci.add(slot, function());
            }
        }
    }

    static PciFunction function() {
        PciFunction function = new PciFunction(IDENTITY);
        function.addMemoryBar(0, 0x1000, new RecordingDevice(1), PciBarListener.NONE);
        return function;
    }

    PciRoot pci() {
        return machine.pci;
    }

    @Override
    public void close() {
        machine.close();
    }
}
