// SPDX-License-Identifier: Apache-2.0
import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.machine.Drive;
import dev.miraflores.machine.DriveStatus;

/** Says what the disks of a machine do their I/O with, and why, where nobody wished for anything. */
final class Engines {

    private Engines() {
    }

    public static void main(String[] arguments) throws InterruptedException {
        Guest guest = Guest.boot(arguments, "disk.img", "file=cached.img,id=cached,cache=writeback");
        try (var _ = guest.machine()) {
            for (Drive drive : guest.machine().drives()) {
                DriveStatus status = drive.status();
                Guest.tell(status.id() + " with aio=" + status.engine() + ": " + status.whyNot());
            }
            guest.await("job: written and read");
            for (Drive drive : guest.machine().drives()) {
                Guest.tell(drive.id() + " had " + drive.status().counters().getFirst().requests().get(BlockCounter.WRITES) + " writes");
            }
            guest.awaitEnd();
        }
    }
}
