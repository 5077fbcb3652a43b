// SPDX-License-Identifier: Apache-2.0
import dev.miraflores.machine.DeviceRemoval;
import dev.miraflores.machine.DeviceRemoval.State;
import dev.miraflores.machine.DriveConfig;
import java.time.Duration;

/** Takes a disk without asking, and plugs another. */
final class Force {

    private Force() {
    }

    public static void main(String[] arguments) throws InterruptedException {
        Guest guest = Guest.boot(arguments, "disk.img");
        try (var _ = guest.machine()) {
            guest.await("job: no disk yet");
            guest.machine().addDrive(DriveConfig.parse("file=first.img,id=first,cache=none"));
            guest.await("job: done with the first");
            DeviceRemoval removal = guest.machine().removeDrive("first", Duration.ZERO);
            removal.force();
            State state = removal.await(Duration.ofSeconds(60));
            Guest.check(state == State.REMOVED, "the disk is " + state + ": " + removal.failure());
            Guest.tell("taken");
            guest.await("job: the disk is gone");
            guest.machine().addDrive(DriveConfig.parse("file=second.img,id=second,cache=none"));
            guest.awaitEnd();
        }
    }
}
