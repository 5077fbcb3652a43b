// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.devices.virtio.VirtioDevice;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The disks of a machine: those it was made with, and those that come and go while it runs.
 * <p>Thread: any.
 */
final class DriveBays {

    private final DeviceBays bays;
    private final DriveOpener opener;

    DriveBays(DeviceBays bays, DriveOpener opener) {
        this.bays = bays;
        this.opener = opener;
    }

    /** Puts in a disk that the machine is made with. */
    void addCold(Drive drive) {
        drive.setEvents(bays.deviceEvents());
        bays.addCold(new InBay(drive, bays.events()));
    }

    /**
     * Opens, checks and locks an image, and puts the disk in.
     *
     * @return its id
     */
    String add(DriveConfig wish) {
        String name = wish.id() == null ? wish.source() : wish.id();
        return bays.add(BayDevice.Kind.DRIVE, wish.id(), name, id -> {
            Drive drive = opener.open(wish.withId(id));
            drive.setEvents(bays.deviceEvents());
            return new InBay(drive, bays.events());
        });
    }

    DeviceRemoval remove(String id, Duration answerWithin) {
        return bays.remove(BayDevice.Kind.DRIVE, id, answerWithin);
    }

    /** The disks that are in, or on their way out. */
    List<Drive> drives() {
        List<Drive> drives = new ArrayList<>();
        for (BayDevice device : bays.devices(BayDevice.Kind.DRIVE)) {
            drives.add(((InBay) device).drive);
        }
        return drives;
    }

    List<String> ids() {
        return bays.ids(BayDevice.Kind.DRIVE);
    }

    Drive drive(String id) {
        return ((InBay) bays.device(BayDevice.Kind.DRIVE, id)).drive;
    }

    private record InBay(Drive drive, MachineEvents events) implements BayDevice {

        @Override
        public Kind kind() {
            return Kind.DRIVE;
        }

        @Override
        public String id() {
            return drive.id();
        }

        @Override
        public VirtioDevice device() {
            return drive.device();
        }

        @Override
        public void pause() {
            drive.device().pause();
        }

        @Override
        public void resume() {
            drive.device().resume();
        }

        @Override
        public void tellAdded() {
            events.added(id());
        }

        @Override
        public void tellRemoved() {
            events.removed(id());
        }

        @Override
        public void tellUnanswered() {
            events.removalUnanswered(id());
        }

        @Override
        public void tellFailed(String why) {
            events.removalFailed(id(), why);
        }
    }
}
