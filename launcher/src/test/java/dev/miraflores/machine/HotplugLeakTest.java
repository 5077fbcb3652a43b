// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.DriveException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Disks that came and went leave nothing in the machine that they were in, however it ends. */
@KvmTest
class HotplugLeakTest {

    private static final int CYCLES = 100;
    private static final Duration LIMIT = HotplugMachine.LIMIT;

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private static long descriptors() throws IOException {
        try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
            return fds.count();
        }
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("io-") || thread.getName().contains("unplug")).count();
    }

    private static long mappings() throws IOException {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            return maps.filter(line -> line.contains("io_uring") || line.contains("kvm")).count();
        }
    }

    @Test
    void shouldLeaveNothingBehindInManyCycles() throws Exception {
        Path image = BuiltInGuest.disk(directory, 16);
        try (HotplugMachine guest = new HotplugMachine("blocks=4 queue=16 depth=4").started()) {
            guest.plug("disk", image);                      // what a process makes once
            guest.unplug("disk");
            guest.heard(2);
            awaitNoThreads();
            long descriptorsBefore = descriptors();
            long mappingsBefore = mappings();
            for (int i = 0; i < CYCLES; i++) {
                guest.plug("disk", image);
                guest.unplug("disk");
            }
            awaitNoThreads();
            assertEquals(descriptorsBefore, descriptors());
            assertEquals(mappingsBefore, mappings());
            assertEquals(Collections.nCopies(CYCLES, List.of("added disk", "removed disk")).stream().flatMap(List::stream).toList(),
                    guest.heard(2 * CYCLES));
            guest.end();
        }
    }

    /** The last acts of threads come after what they tell. */
    private static void awaitNoThreads() throws InterruptedException {
        for (long end = System.nanoTime() + LIMIT.toNanos(); threads() > 0; Thread.sleep(10)) {
            assertTrue(System.nanoTime() < end, () -> Thread.getAllStackTraces().keySet().toString());
        }
    }

    /** Closed at any moment of disks coming and going, by the guest's hand and by force. */
    @Test
    void shouldCloseWhileDisksComeAndGo() throws Exception {
        List<Path> images = List.of(BuiltInGuest.disk(directory, 16), BuiltInGuest.disk(directory, 16));
        AtomicReference<Throwable> failure = new AtomicReference<>();
        for (int turn = 0; turn < 10; turn++) {
            HotplugMachine guest = new HotplugMachine("rounds=0").started();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Path image = images.get(i);
                String id = "disk" + i;
                boolean force = i == 1;
                threads.add(Thread.ofPlatform().uncaughtExceptionHandler((_, e) -> failure.set(e))
                        .start(() -> comeAndGo(guest.machine, id, image, force)));
            }
            Thread.sleep(7L * turn * turn);
            guest.close();
            for (Thread thread : threads) {
                assertTrue(thread.join(LIMIT), thread + " hangs");
            }
            assertNull(failure.get());
        }
        awaitNoThreads();
    }

    /** Until the machine is closed. */
    private static void comeAndGo(VirtualMachine machine, String id, Path image, boolean force) {
        try {
            while (true) {
                machine.addDrive(DriveConfig.of(image.toString()).withId(id));
                DeviceRemoval removal = machine.removeDrive(id, LIMIT);
                if (force) {
                    removal.force();
                }
                while (removal.await(Duration.ofMillis(10)) != DeviceRemoval.State.REMOVED) {
                    machine.removeDrive(id, LIMIT);         // says when the machine is closed
                }
            }
        } catch (ConfigException | IllegalStateException closed) {
            // or the disk has just gone
        } catch (DriveException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
