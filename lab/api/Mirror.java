// SPDX-License-Identifier: Apache-2.0
import dev.miraflores.aio.mirror.MirrorConfig;
import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorListener;
import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.machine.Drive;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * Mirrors a disk under a guest that writes without end: once to a copy, which is compared with the disk while the machine is
 * paused, once to an image that takes the disk's place; then the disk grows.
 */
final class Mirror {

    private static final Path OLD = Path.of("old.img");
    private static final Path COPY = Path.of("copy.img");
    private static final Path NEW = Path.of("new.img");
    private static final long GROWN_BYTES = 40L << 20;
    private static final long WRITES_TO_BOTH = 40;
    /** So slow that the guest writes a good deal while the bulk is copied. */
    private static final MirrorConfig HOW = MirrorConfig.DEFAULTS.withBytesPerSecond(6L << 20);

    private Mirror() {
    }

    public static void main(String[] arguments) throws InterruptedException, IOException {
        Guest guest = Guest.boot(arguments, "disk.img", "file=" + OLD + ",id=data,cache=none");
        try (var _ = guest.machine()) {
            Drive disk = guest.machine().drive("data");
            guest.await("job: writing without end");
            copy(guest, disk);
            switchOver(disk);
            long mark = Files.mismatch(OLD, COPY);
            Files.copy(OLD, Path.of("kept.img"));
            Guest.check(mark >= 0, "the guest wrote nothing between the mirrors");
            Guest.check(disk.resize(GROWN_BYTES) == GROWN_BYTES, "resized to " + disk.status().byteSize());
            guest.awaitEnd();
            Guest.check(Files.mismatch(OLD, Path.of("kept.img")) < 0, "the old image was written after the switch-over");
        }
    }

    private static void copy(Guest guest, Drive disk) throws InterruptedException, IOException {
        MirrorJob job = mirror(disk, COPY);
        Guest.check(guest.machine().pause(), "the guest ended");
        job.stop();
        long differs = Files.mismatch(OLD, COPY);
        Guest.check(differs < 0, "the copy is another from byte " + differs + " on");
        guest.machine().resume();
        Guest.tell("the copy is the disk");
    }

    private static void switchOver(Drive disk) throws InterruptedException {
        MirrorJob job = mirror(disk, NEW);
        job.complete();
        Guest.check(disk.status().file().equals(NEW.toString()), "the disk is on " + disk.status().file());
        Guest.tell("the disk is on its mirror");
    }

    /** One that is ready, and has been for a while. */
    private static MirrorJob mirror(Drive disk, Path target) throws InterruptedException {
        long before = writes(disk);
        MirrorJob job = disk.mirror(target.toString(), HOW, MirrorListener.NONE);
        Guest.check(job.awaitReady(60, TimeUnit.SECONDS), "the mirror is " + job.state() + ": " + job.failure());
        long ready = writes(disk);
        Guest.check(ready > before, "the guest did not write while it was copied");
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (writes(disk) < ready + WRITES_TO_BOTH) {
            Guest.check(System.nanoTime() < end, "of the guest's writes " + (writes(disk) - ready) + " came to an end");
            Thread.sleep(100);
        }
        Guest.tell(ready - before + " writes while it was copied, " + (writes(disk) - ready) + " since");
        return job;
    }

    private static long writes(Drive disk) {
        return disk.status().counters().getFirst().requests().get(BlockCounter.WRITES);
    }
}
