// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorState;
import dev.miraflores.aio.throttle.ThrottleGroups;
import dev.miraflores.devices.block.BlockDeviceConfig;
import dev.miraflores.devices.block.VirtioBlockDevice;
import dev.miraflores.devices.virtio.DrainException;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.monitor.Monitor;
import dev.miraflores.monitor.MonitoredMachine;
import dev.miraflores.monitor.hmp.HmpCommands;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Guests that are reset, by themselves and from outside, and start anew in the same machine. */
@KvmTest
class RebootTest {

    private static final Pattern START = Pattern.compile("start (\\d+):([ 0-9a-f]+)");

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    /** What the guest found in registers at each start, by its own account. */
    private static List<String> starts(String console) {
        List<String> found = new ArrayList<>();
        Matcher start = START.matcher(console);
        while (start.find()) {
            assertEquals(found.size(), Integer.parseInt(start.group(1)), console);
            found.add(start.group(2));
        }
        return found;
    }

    private static void assertFresh(BuiltInGuest.Run run, int count) {
        List<String> starts = starts(run.console());
        assertEquals(count, starts.size(), run.console());
        for (String start : starts) {
            assertEquals(starts.getFirst(), start);
        }
        run.assertPassed();
    }

    /** Memory, registers, buses, interrupt controllers, a disk with writes in flight, the other processors: each way to reset. */
    @ParameterizedTest
    @ValueSource(strings = {"via=acpi", "via=cf9", "via=i8042 nox2apic", "via=port92 packed"})
    void shouldStartAnewAtEachResetOfTheGuest(String words) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 256);
        assertFresh(BuiltInGuest.run("mode=reboot count=3 " + words, m -> m.vcpus(2).rng(true)
                .drive(DriveConfig.of(disk.toString()))), 3);
        BuiltInGuest.assertWritten(disk, 0, 4, 1, 0);
    }

    /** On virtio-mmio, and without a data plane. */
    @ParameterizedTest
    @ValueSource(strings = {"pci", "mmio"})
    void shouldStartAnewWithoutADataPlane(String transport) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        String words = transport.equals("mmio") ? "mode=journal count=400 seed=5 mmio=0xfeb00000 line=16" : "mode=journal count=400 seed=5";
        resetInTheMiddle(words, m -> m.virtio(VirtioTransport.parse(transport)).drive(DriveConfig.parse("file=" + disk + ",dataplane=off")));
        BuiltInGuest.assertWritten(disk, 0, 8, 5, 0);
    }

    /** What was flushed before a reset is there, and the disk goes on. */
    @ParameterizedTest
    @ValueSource(strings = {"cache=writeback", "cache=none", "cache=writeback,aio=threads", "cache=writeback,throttling.iops-total=2000"})
    void shouldLoseNothingThatIsOnItsWayToADisk(String options) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        resetInTheMiddle("mode=journal count=400 seed=5", m -> m.rng(true).balloon(BalloonConfig.DEFAULTS)
                .drive(DriveConfig.parse("file=" + disk + "," + options)));
        BuiltInGuest.assertWritten(disk, 0, 8, 5, 0);
    }

    private static void resetInTheMiddle(String words, Consumer<MachineConfig.Builder> more) throws InterruptedException {
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig.Builder config = BuiltInGuest.machine(words, console);
        more.accept(config);
        try (VirtualMachine machine = VirtualMachine.create(config.build())) {
            machine.start();
            for (int i = 0; i < 3; i++) {
                console.take("safe " + (3 + i), BuiltInGuest.LIMIT);
                machine.requestReset();
                console.take("started by", BuiltInGuest.LIMIT);
            }
            console.take("safe 7", BuiltInGuest.LIMIT);
            assertNull(machine.stopCause());
        }
    }

    /** Nothing grows: descriptors, threads, heap, lines of the log. */
    @Test
    @Tag("class:memory")
    void shouldNotLetAGuestThatResetsWithoutEndSpendMoreAndMore() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        ScriptedConsole console = new ScriptedConsole();
        int count = 200;
        MachineConfig config = BuiltInGuest.machine("mode=reboot quick via=cf9 count=" + count, console).memoryBytes(16L << 20)
                .rng(true).balloon(BalloonConfig.DEFAULTS).drive(DriveConfig.of(disk.toString())).build();
        try (HostLimits limits = new HostLimits();
                VirtualMachine machine = VirtualMachine.create(config)) {
            AtomicInteger heard = new AtomicInteger();
            machine.addListener(new MachineListener() {
                @Override
                public void reset(boolean byGuest) {
                    heard.addAndGet(byGuest ? 1 : 1000);
                }
            });
            machine.start();
            assertEquals(new StopCause.PowerOff(), machine.await(BuiltInGuest.LIMIT), console::text);
            limits.check();
            assertTrue(heard.get() == count - 1, () -> heard + " resets were told of");
        }
        assertEquals(count, starts(console.text()).size());
    }

    @Test
    void shouldStayPausedWhereItWas() throws Exception {
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=8", console)
                .drive(DriveConfig.of(BuiltInGuest.disk(directory, 64).toString())).build())) {
            Resetting resets = new Resetting(machine);
            machine.start();
            console.take("holding", BuiltInGuest.LIMIT);
            assertTrue(machine.pause());
            machine.requestReset();
            resets.await(1);
            assertTrue(machine.isPaused());
            Thread.sleep(100);
            assertFalse(console.text().contains("started by"), console::text);
            machine.requestReset();
            resets.await(2);
            machine.resume();
            console.take("holding", BuiltInGuest.LIMIT);
            endsWell(machine, console);
        }
    }

    /** Counts resets. */
    private static final class Resetting implements MachineListener {
        private final Semaphore told = new Semaphore(0);
        private int taken;

        Resetting(VirtualMachine machine) {
            machine.addListener(this);
        }

        @Override
        public void reset(boolean byGuest) {
            told.release();
        }

        void await(int count) throws InterruptedException {
            assertTrue(told.tryAcquire(count - taken, BuiltInGuest.LIMIT.toSeconds(), TimeUnit.SECONDS), "no reset");
            taken = count;
        }
    }

    private static void endsWell(VirtualMachine machine, ScriptedConsole console) throws InterruptedException {
        console.type("q");
        assertEquals(new StopCause.PowerOff(), machine.await(BuiltInGuest.LIMIT), console::text);
        assertFalse(console.text().contains("FAILED"), console::text);
    }

    /** Pauses, resumes, resizes, unplugs and resets from several threads: each in its turn, and none waits for ever. */
    @Test
    void shouldBeResetWhateverElseIsUnderWay() throws Exception {
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=8", console).vcpus(2)
                .drive(DriveConfig.of(BuiltInGuest.disk(directory, 64).toString()).withId("d")).build())) {
            machine.start();
            console.take("holding", BuiltInGuest.LIMIT);
            List<Thread> threads = new ArrayList<>();
            List<Throwable> failures = new CopyOnWriteArrayList<>();
            Runnable[] others = {
                machine::requestReset,
                machine::pause,
                machine::resume,
                () -> machine.drive("d").localDevice().resize(BuiltInGuest.BLOCK_BYTES * 64L),
                () -> changeStages(machine.drive("d").localDevice())
            };
            for (Runnable each : others) {
                threads.add(Thread.ofPlatform().start(() -> {
                    try {
                        for (int i = 0; i < 12; i++) {
                            each.run();
                            Thread.sleep(10 + 7 * i % 20);
                        }
                    } catch (Throwable e) {
                        failures.add(e);
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join(BuiltInGuest.LIMIT.toMillis());
                assertFalse(thread.isAlive(), () -> Arrays.toString(thread.getStackTrace()));
            }
            assertEquals(List.of(), failures);
            machine.resume();
            // One more may be on its way, and take what was typed with it.
            for (long end = System.nanoTime() + BuiltInGuest.LIMIT.toNanos(); machine.stopCause() == null;) {
                assertTrue(System.nanoTime() < end, console::text);
                console.type("q");
                machine.await(Duration.ofMillis(200));
            }
            assertEquals(new StopCause.PowerOff(), machine.stopCause(), console::text);
            assertFalse(console.text().contains("FAILED"), console::text);
        }
    }

    private static void changeStages(VirtioBlockDevice disk) {
        FaultyStage stage = new FaultyStage();
        disk.insertStage(stage);
        disk.removeStage(stage);
    }

    @Test
    void shouldTakeOutWhatTheGuestWasAskedFor() throws Exception {
        try (HotplugMachine hot = new HotplugMachine("deaf=99 blocks=4 rounds=1").started()) {
            hot.plug("a", BuiltInGuest.disk(directory, 16));
            hot.machine.addDrive(DriveConfig.of(BuiltInGuest.disk(directory, 16).toString()).withId("b"));
            DeviceRemoval removal = hot.machine.removeDrive("a", Duration.ZERO);
            assertEquals(DeviceRemoval.State.UNANSWERED, removal.await(HotplugMachine.LIMIT));
            hot.machine.requestReset();
            hot.console.take("waiting for disks", HotplugMachine.LIMIT);
            assertEquals(DeviceRemoval.State.REMOVED, removal.await(HotplugMachine.LIMIT));
            assertEquals(List.of("b"), hot.machine.driveIds());
            hot.plug("c", BuiltInGuest.disk(directory, 16));
            hot.end();
        }
    }

    @Test
    void shouldGoOnMirroring() throws Exception {
        Path image = BuiltInGuest.disk(directory, 2048);
        Path copy = BuiltInGuest.disk(directory, 2048);
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=64", console)
                .drive(DriveConfig.of(image.toString()).withId("d")).build())) {
            Monitor monitor = new Monitor(MonitoredMachine.of(machine));
            machine.start();
            console.take("holding", BuiltInGuest.LIMIT);
            assertEquals("", new HmpCommands(monitor, "1").run("drive_mirror -n d " + copy).strip());
            for (int i = 0; i < 3; i++) {
                machine.requestReset();
                console.take("holding", BuiltInGuest.LIMIT);
            }
            MirrorJob job = machine.drive("d").localDevice().mirrorJob();
            for (long end = System.nanoTime() + BuiltInGuest.LIMIT.toNanos(); job.state() != MirrorState.READY;) {
                assertTrue(System.nanoTime() < end, () -> job.state().toString());
                Thread.sleep(5);
            }
            assertTrue(machine.pause());
            // What is written goes to both from then on.
            assertEquals(-1, Files.mismatch(image, copy));
            machine.resume();
            endsWell(machine, console);
        }
    }

    /** A disk that hangs must not write into the new guest's memory: the reset waits for it, and can be given up. */
    @Test
    void shouldWaitForADiskThatHangs() throws Exception {
        HangingBackend disk = new HangingBackend();
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = hangingMachine(disk, console)) {
            machine.requestReset();
            Thread.sleep(300);
            assertFalse(console.text().contains("started by"), console::text);
            // Nobody who pauses or resumes it meanwhile waits for the disk.
            CompletableFuture<Void> others = CompletableFuture.runAsync(() -> {
                assertThrows(DrainException.class, machine::pause);
                machine.resume();
            });
            others.get(BuiltInGuest.LIMIT.toSeconds(), TimeUnit.SECONDS);
            disk.release();
            console.take("started by", BuiltInGuest.LIMIT);
            console.take("holding", BuiltInGuest.LIMIT);
        }
    }

    @Test
    void shouldEndWhileItWaitsForADiskThatHangs() throws Exception {
        HangingBackend disk = new HangingBackend();
        VirtualMachine machine = hangingMachine(disk, new ScriptedConsole());
        machine.requestReset();
        Thread.sleep(100);
        machine.requestStop();
        assertEquals(new StopCause.HostRequest(), machine.await(BuiltInGuest.LIMIT));
        disk.release();
        try {
            machine.close();
        } catch (IllegalStateException e) {
            assertTrue(e.getMessage().contains("was given up"), e.getMessage());
        }
    }

    private static VirtualMachine hangingMachine(HangingBackend disk, ScriptedConsole console) throws InterruptedException {
        VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=4 poll", console).build());
        VirtioBlockDevice device = VirtioBlockDevice.open(BlockDeviceConfig.nothing("hung").nullBytes(1 << 20)
                .drainNs(50_000_000).build(), disk);
        machine.driveBays().addCold(new Drive(DriveConfig.of("hung.img").withId("hung"), device, new ThrottleGroups()));
        machine.start();
        console.take("holding", BuiltInGuest.LIMIT);
        disk.awaitRequest();
        return machine;
    }

    /** The file is open, whatever its name has become; what is no kernel any more ends the machine. */
    @Test
    void shouldLoadTheKernelThatItWasStartedWith() throws Exception {
        Path kernel = directory.resolve("guest.elf");
        Files.write(kernel, BuiltInGuest.image());
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=halt", console).kernel(kernel).build())) {
            machine.start();
            console.take("started by", BuiltInGuest.LIMIT);
            Files.move(kernel, directory.resolve("moved.elf"));
            machine.requestReset();
            console.take("started by", BuiltInGuest.LIMIT);
            Files.write(directory.resolve("moved.elf"), new byte[64]);
            machine.requestReset();
            StopCause.HostFailure failure = assertInstanceOf(StopCause.HostFailure.class, machine.await(BuiltInGuest.LIMIT));
            assertTrue(failure.failure().getMessage().startsWith("kernel '" + kernel + "' is "), failure::summary);
        }
    }

    /** Before the start and after the end there is nothing to reset. */
    @Test
    void shouldBeAskedAtAnyTime() throws Exception {
        ScriptedConsole console = new ScriptedConsole();
        VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=echo", console).build());
        try (machine) {
            machine.requestReset();
            machine.start();
            console.take("Control-D ends", BuiltInGuest.LIMIT);
            console.type("\004");
            assertEquals(new StopCause.PowerOff(), machine.await(BuiltInGuest.LIMIT), console::text);
            machine.requestReset();
        }
        machine.requestReset();
    }
}
