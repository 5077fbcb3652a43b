// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.DriveException;
import dev.miraflores.machine.DeviceRemoval.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Disks come and go while a guest runs. */
@KvmTest
class HotplugTest {

    private static final Duration LIMIT = HotplugMachine.LIMIT;
    private static final Duration SOON = Duration.ofMillis(20);

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private static HotplugMachine running(String words) throws InterruptedException {
        HotplugMachine machine = new HotplugMachine(words);
        try {
            return machine.started();
        } catch (AssertionError e) {
            machine.close();
            throw e;
        }
    }

    private Path image() throws IOException {
        return BuiltInGuest.disk(directory, 16);
    }

    private static DriveConfig drive(String id, Path image) {
        return DriveConfig.of(image.toString()).withId(id);
    }

    /** Nobody holds the image: another machine may have it. */
    private static void assertFree(Path image) {
        try (VirtualMachine other = VirtualMachine.create(BuiltInGuest.machine("mode=halt", new ScriptedConsole())
                .drive(DriveConfig.of(image.toString())).build())) {
            assertEquals(List.of("drive0"), other.driveIds());
        }
    }

    @Test
    void shouldBeFoundUsedAndGivenBackByTheGuest() throws Exception {
        Path image = image();
        try (HotplugMachine guest = running("blocks=8 seed=5")) {
            guest.machine.addDriveListener(new DriveListener() {
                @Override
                public void removed(String id) {
                    throw new IllegalStateException("what a listener throws is logged and changes nothing");
                }
            });
            assertThrows(AssertionError.class, () -> guest.console.await("plugged", SOON));
            guest.plug("scratch", image);
            assertEquals(List.of("scratch"), guest.machine.driveIds());
            assertThrows(DriveException.class, () -> assertFree(image));

            guest.unplug("scratch");
            guest.plug("scratch", image);
            guest.unplug("scratch");

            assertEquals(List.of(), guest.machine.driveIds());
            assertFree(image);
            assertEquals(List.of("added scratch", "removed scratch", "added scratch", "removed scratch"), guest.heard(4));
            guest.end();
        }
        BuiltInGuest.assertWritten(image, 0, 8, 5, 0);
        BuiltInGuest.assertUntouched(image, 8);
    }

    @Test
    void shouldBeThereForAListenerThatHearsOfIt() throws Exception {
        int disks = 24;
        List<String> found = new CopyOnWriteArrayList<>();
        CountDownLatch all = new CountDownLatch(disks);
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=halt", new ScriptedConsole()).build())) {
            machine.addDriveListener(new DriveListener() {
                @Override
                public void added(String id) {
                    try {
                        found.add(machine.drive(id).id());
                    } finally {
                        all.countDown();
                    }
                }
            });
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                threads.add(Thread.ofPlatform().start(() -> {
                    for (int k = 0; k < disks / 4; k++) {
                        machine.addDrive(DriveConfig.parse("format=null,dataplane=off"));
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertTrue(all.await(LIMIT.toSeconds(), TimeUnit.SECONDS));
            assertEquals(Set.copyOf(machine.driveIds()), Set.copyOf(found));
            assertEquals(disks, found.size());
        }
    }

    @Test
    @Tag("class:lifetime")
    void shouldWaitForWritesThatAreInFlightWhenTheGuestEjects() throws Exception {
        Path image = image();
        try (HotplugMachine guest = running("blocks=16 rude")) {
            for (int i = 0; i < 5; i++) {
                guest.plug("rude", image);
                guest.unplug("rude");
                assertFree(image);
            }
            guest.end();
        }
    }

    @Test
    void shouldBeEjectedUnderLoad() throws Exception {
        Path image = image();
        try (HotplugMachine guest = running("blocks=16 rounds=0")) {
            for (int i = 0; i < 3; i++) {
                guest.machine.addDrive(drive("busy", image));
                int before = i;
                guest.console.take("plugged slot", LIMIT);
                while (BuiltInGuest.round(image) < 2) {
                    Thread.onSpinWait();
                }
                guest.unplug("busy");
                assertTrue(BuiltInGuest.round(image) >= 2, "turn " + before);
                Files.delete(image);
                Files.move(image(), image);
            }
            guest.end();
        }
    }

    /** Pending for ever if need be, and neither the machine nor another disk minds. */
    @Test
    void shouldReportAGuestThatDoesNotAnswerAndAskAgain() throws Exception {
        try (HotplugMachine guest = running("deaf=2")) {
            guest.plug("kept", image());
            assertEquals(List.of("added kept"), guest.heard(1));

            DeviceRemoval removal = guest.machine.removeDrive("kept", SOON);
            assertEquals(State.UNANSWERED, removal.await(LIMIT));
            guest.console.take("stays", LIMIT);
            assertEquals(State.UNANSWERED, removal.state());
            assertSame(removal, guest.machine.removeDrive("kept", Duration.ZERO));
            assertEquals(State.UNANSWERED, removal.await(LIMIT));
            guest.console.take("stays", LIMIT);
            removal.askAgain(LIMIT);
            assertEquals(State.REMOVED, removal.await(LIMIT));

            assertEquals(Set.of("unanswered kept", "removed kept"), Set.copyOf(guest.heard(3)));
            guest.end();
        }
    }

    /** The time is up; then the guest ejects after all. */
    @Test
    void shouldTakeALateAnswer() throws Exception {
        try (HotplugMachine guest = running("")) {
            guest.plug("late", image());
            assertTrue(guest.machine.pause());
            DeviceRemoval removal = guest.machine.removeDrive("late", SOON);
            assertEquals(State.UNANSWERED, removal.await(LIMIT));

            guest.machine.resume();
            guest.console.take("ejected slot", LIMIT);

            for (long end = System.nanoTime() + LIMIT.toNanos(); removal.state() != State.REMOVED;) {
                assertTrue(System.nanoTime() < end, removal.state()::toString);
                Thread.onSpinWait();
            }
            guest.end();
        }
    }

    @Test
    void shouldBeTakenByForce() throws Exception {
        Path image = image();
        try (HotplugMachine guest = running("deaf=1000000")) {
            for (int i = 0; i < 3; i++) {
                guest.plug("forced", image);
                DeviceRemoval removal = guest.machine.removeDrive("forced", SOON);
                removal.force();
                assertEquals(State.REMOVED, removal.await(LIMIT));
                removal.force();
                removal.askAgain(SOON);
                assertEquals(State.REMOVED, removal.state());
                assertFree(image);
                guest.console.take("is empty", LIMIT);
            }
            guest.end();
        }
    }

    @Test
    void shouldBeAsOneOfTheFirstBeforeTheStart() throws Exception {
        Path gone = image();
        Path image = image();
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("blocks=8", console)
                .drive(drive("gone", gone)).build())) {
            assertEquals("disk", machine.addDrive(drive("disk", image)));
            assertEquals(State.REMOVED, machine.removeDrive("gone").await(LIMIT));
            assertEquals(List.of("disk"), machine.driveIds());
            machine.start();
            assertEquals("PowerOff[]", String.valueOf(machine.await(LIMIT)), console::text);
            assertEquals(State.REMOVED, machine.removeDrive("disk").await(LIMIT));
            assertFree(image);
        }
        BuiltInGuest.assertWritten(image, 0, 8, 1, 0);
        BuiltInGuest.assertUntouched(gone, 0);
    }

    @Test
    void shouldRefuseInOneLineWhatCannotBe() throws Exception {
        Path image = image();
        try (HotplugMachine guest = new HotplugMachine("")) {
            guest.machine.addDrive(drive("a", image));
            Path another = image();
            assertLine("drive id=a: a drive of this machine has this id; use another",
                    () -> guest.machine.addDrive(drive("a", another)));
            assertThrows(DriveException.class, () -> guest.machine.addDrive(drive("b", image)));
            assertThrows(DriveException.class, () -> guest.machine.addDrive(drive("b", directory.resolve("none.img"))));
            assertLine("drive id=b: this machine has no such drive; it has [a]", () -> guest.machine.removeDrive("b"));
            assertEquals(List.of("a"), guest.machine.driveIds());
        }
    }

    @Test
    void shouldFillAllSlotsAndNoMore() throws Exception {
        List<Path> images = new ArrayList<>();
        try (HotplugMachine guest = new HotplugMachine("")) {
            for (int i = 0; i < 31; i++) {
                images.add(image());
                assertEquals("drive" + i, guest.machine.addDrive(DriveConfig.of(images.get(i).toString())));
            }
            Path last = image();
            assertLine("drive last: all 31 PCI slots are taken; remove another first",
                    () -> guest.machine.addDrive(drive("last", last)));
            assertFree(last);
            assertEquals(State.REMOVED, guest.machine.removeDrive("drive7").await(LIMIT));
            assertEquals("drive7", guest.machine.addDrive(DriveConfig.of(last.toString())));
        }
        assertFree(images.get(30));
    }

    @Test
    void shouldRefuseWithoutPci() throws Exception {
        Path image = image();
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=halt", new ScriptedConsole())
                .virtio(VirtioTransport.MMIO).drive(drive("first", image())).build())) {
            assertLine("drive more: with --virtio mmio disks stay as they are while a machine runs; use --virtio pci",
                    () -> machine.addDrive(drive("more", image)));
            assertLine("drive first: with --virtio mmio disks stay as they are while a machine runs; use --virtio pci",
                    () -> machine.removeDrive("first"));
        }
        assertFree(image);
    }

    @Test
    void shouldRefuseOnceClosed() throws Exception {
        Path image = image();
        HotplugMachine guest = new HotplugMachine("");
        guest.machine.addDrive(drive("a", image));
        guest.close();

        assertThrows(IllegalStateException.class, () -> guest.machine.addDrive(drive("b", image)));
        assertThrows(IllegalStateException.class, () -> guest.machine.removeDrive("a"));
        assertFree(image);
    }

    private static void assertLine(String message, org.junit.jupiter.api.function.Executable action) {
        String is = assertThrows(ConfigException.class, action).getMessage();
        assertEquals(message, is);
        assertFalse(is.contains("\n"));
    }
}
