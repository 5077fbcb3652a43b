// SPDX-License-Identifier: Apache-2.0
import dev.miraflores.machine.DeviceRemoval;
import dev.miraflores.machine.DeviceRemoval.State;
import dev.miraflores.machine.DriveConfig;
import java.time.Duration;

/** Plugs a disk, takes it back while the guest writes to it, plugs it again, takes it back when the guest is done. */
final class Hotplug {

    private static final DriveConfig DISK = DriveConfig.parse("file=hot.img,id=hot,cache=none");
    private static final Duration ANSWER = Duration.ofSeconds(60);

    private Hotplug() {
    }

    public static void main(String[] arguments) throws InterruptedException {
        Guest guest = Guest.boot(arguments, "disk.img");
        try (var _ = guest.machine()) {
            guest.await("job: no disk yet");
            plug(guest);
            guest.await("job: writing without end");
            Thread.sleep(500);
            unplug(guest);
            guest.await("job: the disk is gone");
            plug(guest);
            guest.await("job: done with it");
            unplug(guest);
            guest.awaitEnd();
        }
    }

    private static void plug(Guest guest) {
        guest.machine().addDrive(DISK);
        Guest.tell("plugged");
    }

    private static void unplug(Guest guest) throws InterruptedException {
        long start = System.nanoTime();
        DeviceRemoval removal = guest.machine().removeDrive("hot", ANSWER);
        State state = removal.await(ANSWER.plus(ANSWER));
        Guest.check(state == State.REMOVED, "the disk is " + state + ": " + removal.failure());
        Guest.tell("unplugged in " + (System.nanoTime() - start) / 1_000_000 + " ms");
    }
}
