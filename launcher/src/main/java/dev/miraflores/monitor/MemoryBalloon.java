// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import dev.miraflores.machine.Balloon;

/**
 * The machine's balloon, with QEMU's words where there is none.
 * <p>Thread: any.
 */
public final class MemoryBalloon {

    private final MonitoredMachine machine;

    MemoryBalloon(MonitoredMachine machine) {
        this.machine = machine;
    }

    private Balloon balloon() {
        Balloon balloon = machine.balloon();
        if (balloon == null) {
            throw new MonitorException(ErrorClass.DEVICE_NOT_ACTIVE, "No balloon device has been activated");
        }
        return balloon;
    }

    /** What the guest has, as it says. */
    public long actualBytes() {
        return balloon().actualBytes();
    }

    /** What it is to have; what is more than there is, is all of it. */
    public void setTargetBytes(long bytes) {
        Balloon balloon = balloon();
        if (bytes <= 0) {
            throw new MonitorException("Parameter 'target' expects a size");
        }
        balloon.setTargetBytes(bytes);
    }

    /** Asks the guest what is free. */
    public void beginHinting() {
        if (!balloon().beginHinting()) {
            throw new MonitorException("The guest is hinting at free pages already, or its driver cannot");
        }
    }

    /** By the path of the device in QEMU's object tree, or its id. */
    public Balloon byPath(String path) {
        Balloon balloon = machine.balloon();
        if (balloon != null) {
            String id = balloon.id();
            if (path.equals(Disks.path(id)) || path.equals(Disks.backendPath(id)) || path.equals(id)) {
                return balloon;
            }
        }
        throw new MonitorException(ErrorClass.DEVICE_NOT_FOUND, "Device '" + path + "' not found");
    }
}
