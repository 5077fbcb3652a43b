// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.mirror.MirrorConfig;
import dev.miraflores.aio.mirror.MirrorJob;
import dev.miraflores.aio.mirror.MirrorListener;
import dev.miraflores.aio.throttle.ThrottleConfig;
import dev.miraflores.aio.throttle.ThrottleKind;
import dev.miraflores.aio.throttle.ThrottleLimit;
import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.devices.block.ErrorPolicy;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.linux.Errno;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A disk looked at and changed while its guest works on it, and what happens when the host fails it. */
@KvmTest
class DriveTest {

    private static final long SLOW = 1000;

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private final ScriptedConsole console = new ScriptedConsole();
    private final LinkedBlockingQueue<String> heard = new LinkedBlockingQueue<>();

    private VirtualMachine machine(String words, DriveBuilder drive) {
        MachineConfig config = BuiltInGuest.machine(words, console).drive(drive.id("d").build()).build();
        VirtualMachine machine = VirtualMachine.create(config);
        machine.addListener(new Listener());
        return machine;
    }

    private final class Listener implements MachineListener {

        @Override
        public void ioError(DriveError error) {
            heard.add("error " + error.operation() + " " + error.errno() + (error.stops() ? " stops" : ""));
        }

        @Override
        public void paused(String why) {
            heard.add("paused: " + why);
        }

        @Override
        public void resumed() {
            heard.add("resumed");
        }

        @Override
        public void resized(String id, long byteSize) {
            heard.add("resized " + id + " " + byteSize);
        }
    }

    private void assertHeard(String begin) throws InterruptedException {
        String next = heard.poll(BuiltInGuest.LIMIT.toSeconds(), TimeUnit.SECONDS);
        assertNotNull(next, () -> "nothing, instead of " + begin + "; " + console.text());
        assertTrue(next.startsWith(begin), next);
    }

    /** Passes over whatever comes before. */
    private String awaitHeard(String begin) throws InterruptedException {
        String next;
        do {
            next = heard.poll(BuiltInGuest.LIMIT.toSeconds(), TimeUnit.SECONDS);
            assertNotNull(next, () -> "nothing, instead of " + begin + "; " + console.text());
        } while (!next.startsWith(begin));
        return next;
    }

    private void assertEndsWell(VirtualMachine machine) throws InterruptedException {
        assertInstanceOf(StopCause.PowerOff.class, machine.await(BuiltInGuest.LIMIT), console::text);
    }

    private void assertHolds(VirtualMachine machine) throws InterruptedException {
        console.type("q");
        assertEndsWell(machine);
    }

    private DriveBuilder disk(int blocks) throws Exception {
        return DriveConfig.builder().file(BuiltInGuest.disk(directory, blocks).toString());
    }

    @Test
    void shouldSayWhatItIsAndDoes() throws Exception {
        try (VirtualMachine machine = machine("mode=hold blocks=16", disk(64).queues(2).ioThreads(2))) {
            machine.start();
            console.await("holding", BuiltInGuest.LIMIT);
            DriveStatus status = machine.drive("d").status();
            assertEquals("d", status.id());
            assertEquals(64 * BuiltInGuest.BLOCK_BYTES, status.byteSize());
            assertEquals(List.of("io-d.0", "io-d.1"), status.threads());
            for (long end = System.nanoTime() + BuiltInGuest.LIMIT.toNanos();
                    status.counters().getFirst().requests().get(BlockCounter.WRITES) < 16
                    || status.latency(Operation.WRITE).getTotalCount() < 16;) {
                assertTrue(System.nanoTime() < end, console::text);
                Thread.sleep(1);
            }
            assertTrue(status.latency(Operation.WRITE).getValueAtPercentile(99) > 0);
            assertFalse(status.readOnly());
            assertEquals(List.of("d"), machine.drives().stream().map(Drive::id).toList());
            ConfigException e = assertThrows(ConfigException.class, () -> machine.drive("e"));
            assertEquals("drive id=e: this machine has no such drive; it has [d]", e.getMessage());
            assertHolds(machine);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"aio=threads", "aio=native,cache=none", "aio=io_uring,cache=directsync", "aio=threads,dataplane=off",
        "queues=4,iothreads=2,packed=on,in-order=on", "poll-max-ns=0", "discard=ignore,rerror=stop,werror=stop",
        "throttling.iops-total=100000,throttling.group=g"})
    void shouldServeTheGuestInEachWay(String words) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        DriveConfig drive = DriveConfig.parse("file=" + disk + "," + words);
        BuiltInGuest.run("blocks=48 rounds=2", m -> m.vcpus(2).drive(drive)).assertPassed();
        BuiltInGuest.assertWritten(disk, 0, 48, 1, 1);
    }

    @Test
    void shouldServeAGuestThatHasNothingBehindItsDisk() throws Exception {
        ScriptedConsole out = new ScriptedConsole();
        MachineConfig config = BuiltInGuest.machine("mode=journal count=20", out)
                .drive(DriveConfig.parse("format=null,size=1M,id=n")).build();
        try (VirtualMachine machine = VirtualMachine.create(config)) {
            machine.start();
            assertInstanceOf(StopCause.PowerOff.class, machine.await(BuiltInGuest.LIMIT), out::text);
            assertEquals(1 << 20, machine.drive("n").status().byteSize());
        }
    }

    @Test
    void shouldRefuseAnEngineThatCannotDoIt() throws Exception {
        DriveBuilder drive = disk(16).aio(EngineKind.NATIVE);
        RuntimeException e = assertThrows(RuntimeException.class, () -> machine("", drive).close());
        assertTrue(e.getMessage().startsWith("drive d: aio=native needs cache=none or cache=directsync"), e.getMessage());
    }

    /** werror=enospc: the guest waits, nothing is lost, and it never learns of it. */
    @Test
    void shouldHoldTheGuestWhileThereIsNoRoomAndLoseNothing() throws Exception {
        FaultyStage full = new FaultyStage();
        full.writeErrno = Errno.ENOSPC;
        DriveBuilder drive = disk(64).stage(DriveStage.of(full, Map.of()));
        try (VirtualMachine machine = machine("blocks=48 rounds=2", drive)) {
            machine.start();
            assertHeard("error WRITE " + Errno.ENOSPC + " stops");
            String then = awaitHeard("paused: drive d: write of ");
            assertTrue(then.endsWith(" failed: ENOSPC (28)"), then);
            assertTrue(machine.isPaused());
            assertTrue(machine.drive("d").inFlight().stream().anyMatch(request -> request.held()));
            full.writeErrno = 0;
            machine.resume();
            assertEndsWell(machine);
        }
        assertTrue(console.text().contains("result: ok"), console::text);
        BuiltInGuest.assertWritten(Path.of(drive.build().file()), 0, 48, 1, 1);
        assertTrue(full.closed);
    }

    /** It fails once more after the resume, and is held once more. */
    @Test
    void shouldHoldTheGuestAsOftenAsItFails() throws Exception {
        FaultyStage bad = new FaultyStage();
        bad.writeErrno = Errno.EIO;
        DriveBuilder drive = disk(64).writeErrors(ErrorPolicy.STOP).stage(DriveStage.of(bad, Map.of()));
        try (VirtualMachine machine = machine("blocks=16 depth=1", drive)) {
            machine.start();
            for (int i = 0; i < 5; i++) {
                awaitHeard("paused: drive d: write of ");
                if (i == 4) {
                    bad.writeErrno = 0;
                }
                machine.resume();
            }
            assertEndsWell(machine);
        }
        assertTrue(console.text().contains("result: ok"), console::text);
    }

    @Test
    void shouldTellTheGuestWhereErrorsAreReported() throws Exception {
        FaultyStage bad = new FaultyStage();
        bad.writeErrno = Errno.ENOSPC;
        DriveBuilder drive = disk(64).writeErrors(ErrorPolicy.REPORT).stage(DriveStage.of(bad, Map.of()));
        try (VirtualMachine machine = machine("blocks=16", drive)) {
            machine.start();
            assertHeard("error WRITE " + Errno.ENOSPC);
            assertInstanceOf(StopCause.GuestExit.class, machine.await(BuiltInGuest.LIMIT), console::text);
        }
        assertTrue(console.text().contains("result: FAILED"), console::text);
    }

    /** With a held request the machine can be ended all the same. */
    @Test
    void shouldEndWhileARequestIsHeld() throws Exception {
        FaultyStage bad = new FaultyStage();
        bad.writeErrno = Errno.ENOSPC;
        try (VirtualMachine machine = machine("blocks=16", disk(64).stage(DriveStage.of(bad, Map.of())))) {
            machine.start();
            assertHeard("error WRITE " + Errno.ENOSPC + " stops");
            machine.requestStop();
            assertNotNull(machine.await(BuiltInGuest.LIMIT));
        }
        assertTrue(bad.closed);
    }

    @Test
    void shouldThrottleARunningGuestAndLetItGo() throws Exception {
        ThrottleConfig slow = ThrottleConfig.UNLIMITED.with(ThrottleKind.IOPS_TOTAL, ThrottleLimit.of(SLOW));
        try (VirtualMachine machine = machine("mode=hold blocks=64 every=1", disk(64))) {
            machine.start();
            console.await("holding", BuiltInGuest.LIMIT);
            Drive drive = machine.drive("d");
            assertEquals(ThrottleConfig.UNLIMITED, drive.throttle());
            assertNull(drive.throttleGroup());
            drive.setThrottle(slow);
            assertEquals(slow, drive.throttle());
            assertEquals("d", drive.throttleGroup());
            ThrottleConfig other = ThrottleConfig.UNLIMITED.with(ThrottleKind.BPS_READ, ThrottleLimit.of(SLOW << 20));
            drive.setThrottle(other);
            assertEquals(other, drive.throttle());
            drive.setThrottle("others", slow);
            assertEquals("others", drive.throttleGroup());
            drive.setThrottle(ThrottleConfig.UNLIMITED);
            assertEquals(ThrottleConfig.UNLIMITED, drive.throttle());
            assertEquals(0, drive.device().stages().size());
            assertHolds(machine);
        }
        assertTrue(console.text().contains("result: ok"), console::text);
    }

    @Test
    void shouldShareLimitsWithinAGroup() throws Exception {
        String limits = ",throttling.iops-total=50000,throttling.group=both";
        MachineConfig config = BuiltInGuest.machine("mode=hold blocks=16", console)
                .drive(DriveConfig.parse("id=a,file=" + BuiltInGuest.disk(directory, 64) + limits))
                .drive(DriveConfig.parse("id=b,file=" + BuiltInGuest.disk(directory, 64) + limits)).build();
        try (VirtualMachine machine = VirtualMachine.create(config)) {
            machine.start();
            console.await("holding", BuiltInGuest.LIMIT);
            ThrottleConfig slow = ThrottleConfig.UNLIMITED.with(ThrottleKind.BPS_TOTAL, ThrottleLimit.of(SLOW << 20));
            machine.drive("a").setThrottle(slow);
            assertEquals(slow, machine.drive("b").throttle());
            machine.drive("b").setThrottle(ThrottleConfig.UNLIMITED);
            assertEquals(slow, machine.drive("a").throttle());
            assertHolds(machine);
        }
    }

    @Test
    void shouldTakeAStageInAndOutWhileTheGuestWrites() throws Exception {
        FaultyStage stage = new FaultyStage();
        try (VirtualMachine machine = machine("mode=hold blocks=64", disk(64))) {
            machine.start();
            console.await("holding", BuiltInGuest.LIMIT);
            Drive drive = machine.drive("d");
            drive.insertStage(stage);
            for (long end = System.nanoTime() + BuiltInGuest.LIMIT.toNanos(); stage.passed < 8;) {
                assertTrue(System.nanoTime() < end, console::text);
                Thread.sleep(1);
            }
            drive.removeStage(stage);
            assertTrue(stage.closed);
            int passed = stage.passed;
            assertHolds(machine);
            assertEquals(passed, stage.passed);
        }
        assertTrue(console.text().contains("result: ok"), console::text);
    }

    @Test
    void shouldGoOnWithItsMirror() throws Exception {
        DriveBuilder drive = disk(64);
        Path copy = BuiltInGuest.disk(directory, 64);
        try (VirtualMachine machine = machine("mode=hold blocks=64 seed=3", drive)) {
            machine.start();
            console.await("holding", BuiltInGuest.LIMIT);
            MirrorJob job = machine.drive("d").mirror(copy.toString(), MirrorConfig.DEFAULTS, MirrorListener.NONE);
            assertTrue(job.awaitReady(BuiltInGuest.LIMIT.toSeconds(), TimeUnit.SECONDS), job::failure);
            job.complete();
            assertEquals(copy.toString(), machine.drive("d").status().file());
            int round = BuiltInGuest.round(copy);
            for (long end = System.nanoTime() + BuiltInGuest.LIMIT.toNanos(); BuiltInGuest.round(copy) <= round + 1;) {
                assertTrue(System.nanoTime() < end, console::text);
                Thread.sleep(1);
            }
            assertHolds(machine);
        }
        assertTrue(console.text().contains("result: ok"), console::text);
        BuiltInGuest.assertWritten(copy, 0, 64, 3, BuiltInGuest.round(copy));
    }

    /** A mirror that is stopped has what the disk had between two requests. */
    @Test
    void shouldLeaveACopyWhereAMirrorIsStopped() throws Exception {
        DriveBuilder drive = disk(64);
        Path copy = BuiltInGuest.disk(directory, 64);
        try (VirtualMachine machine = machine("mode=hold blocks=64 seed=3", drive)) {
            machine.start();
            console.await("holding", BuiltInGuest.LIMIT);
            MirrorJob job = machine.drive("d").mirror(copy.toString(), MirrorConfig.DEFAULTS, MirrorListener.NONE);
            assertTrue(job.awaitReady(BuiltInGuest.LIMIT.toSeconds(), TimeUnit.SECONDS), job::failure);
            assertTrue(machine.pause());
            job.stop();
            assertEquals(-1, Files.mismatch(Path.of(drive.build().file()), copy));
            machine.resume();
            assertEquals(drive.build().file(), machine.drive("d").status().file());
            assertHolds(machine);
        }
        assertTrue(console.text().contains("result: ok"), console::text);
    }

    @Test
    void shouldGrowWhileTheGuestWrites() throws Exception {
        DriveBuilder drive = disk(64);
        try (VirtualMachine machine = machine("mode=hold blocks=16", drive)) {
            machine.start();
            console.await("holding", BuiltInGuest.LIMIT);
            long more = 128L * BuiltInGuest.BLOCK_BYTES;
            assertEquals(more, machine.drive("d").resize(more));
            assertEquals(more, machine.drive("d").status().byteSize());
            assertHeard("resized d " + more);
            assertEquals(more, Files.size(Path.of(drive.build().file())));
            assertHolds(machine);
        }
        assertTrue(console.text().contains("result: ok"), console::text);
    }

    @Test
    @Tag("class:starvation")
    void shouldLetDisksFinishBeforeAPauseReturns() throws Exception {
        FaultyStage stage = new FaultyStage();
        try (VirtualMachine machine = machine("mode=hold blocks=64", disk(64).stage(DriveStage.of(stage, Map.of())))) {
            machine.start();
            console.await("holding", BuiltInGuest.LIMIT);
            for (int i = 0; i < 5; i++) {
                assertTrue(machine.pause());
                assertEquals(List.of(), machine.drive("d").inFlight());
                int passed = stage.passed;
                Thread.sleep(10);
                assertEquals(passed, stage.passed);
                assertHeard("paused: by request");
                machine.resume();
                assertHeard("resumed");
            }
            assertHolds(machine);
        }
        assertTrue(console.text().contains("result: ok"), console::text);
    }

    @Test
    void shouldSayWhichOperationFailed() {
        DriveError read = new DriveError("d", Operation.READ, 4096, 512, Errno.EIO, false);
        assertEquals("drive d: read of 512 bytes at offset 4096 failed: EIO (5)", read.toString());
        DriveError flush = new DriveError("d", Operation.FLUSH, 0, 0, Errno.EIO, true);
        assertEquals("drive d: flush failed: EIO (5)", flush.toString());
    }
}
