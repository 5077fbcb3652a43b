// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.kvm.StopCause;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The built-in guest on its disk: each block that it wrote is verified by the guest, and found in the file. */
@KvmTest
class BuiltInGuestDiskTest {

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    @Test
    void shouldKeepWhatTheGuestWroteInTheFile() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 256);
        BuiltInGuest.run("blocks=256 seed=7", m -> m.drive(DriveConfig.of(disk.toString()))).assertPassed();
        BuiltInGuest.assertWritten(disk, 0, 256, 7, 0);
    }

    /** Interrupts of both kinds and none, chains of both kinds, depths, PCI by memory, without EVENT_IDX or x2APIC. */
    @ParameterizedTest
    @ValueSource(strings = {"poll", "intx", "ecam nox2apic", "direct noeventidx", "indirect", "depth=1", "queue=16 intx",
        "direct poll noeventidx", "indirect queue=64 intx noeventidx", "packed", "packed poll noeventidx",
        "packed queue=8 intx"})
    void shouldServeADriverThatWorksItsOwnWay(String words) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        BuiltInGuest.run("blocks=48 rounds=2 " + words, m -> m.drive(DriveConfig.of(disk.toString()))).assertPassed();
        BuiltInGuest.assertWritten(disk, 0, 48, 1, 1);
    }

    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldServeEachCacheMode(CacheMode cache) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        BuiltInGuest.run("blocks=40 rounds=2", m -> m.drive(DriveConfig.of(disk.toString()).withCache(cache)))
                .assertPassed();
        BuiltInGuest.assertWritten(disk, 0, 40, 1, 1);
        BuiltInGuest.assertUntouched(disk, 40);
    }

    @Test
    void shouldServeADiskOnVirtioMmio() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        BuiltInGuest.Run run = BuiltInGuest.run("blocks=64 mmio=0xfeb00000 line=16",
                m -> m.drive(DriveConfig.of(disk.toString())).virtio(VirtioTransport.MMIO)).assertPassed();
        assertTrue(run.console().contains("virtio-mmio at feb00000"), run.console());
        BuiltInGuest.assertWritten(disk, 0, 64, 1, 0);
    }

    /** Each notification traps, and one thread serves all: the same device. */
    @ParameterizedTest
    @EnumSource(VirtioTransport.class)
    void shouldServeADiskWithoutADataPlane(VirtioTransport transport) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        String where = transport == VirtioTransport.MMIO ? " mmio=0xfeb00000 line=16" : "";
        BuiltInGuest.run("blocks=48 rounds=2" + where, m -> m.virtio(transport).rng(true)
                .drive(DriveConfig.parse("file=" + disk + ",dataplane=off"))).assertPassed();
        BuiltInGuest.assertWritten(disk, 0, 48, 1, 1);
    }

    /** What {@code bench/run compare} asks of it: as many reads at a time as each order says, none of them failed. */
    @ParameterizedTest
    @ValueSource(strings = {"indirect", "packed", "intx"})
    void shouldReadForAsLongAsItIsTold(String words) throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig machine = BuiltInGuest.machine("mode=requests bytes=512 " + words, console)
                .drive(DriveConfig.of(disk.toString())).build();
        try (VirtualMachine vm = VirtualMachine.create(machine)) {
            vm.start();
            console.await("ready", BuiltInGuest.LIMIT);
            console.type("1 20\n");
            console.await("round: depth 1,", BuiltInGuest.LIMIT);
            console.type("16 20\n");
            console.await("round: depth 16,", BuiltInGuest.LIMIT);
            console.type("q");
            assertInstanceOf(StopCause.PowerOff.class, vm.await(BuiltInGuest.LIMIT), console::text);
        }
        assertTrue(console.text().contains("\nresult: ok"), console.text());
        assertTrue(Pattern.compile("depth 16, [1-9]\\d+ requests").matcher(console.text()).find(), console.text());
    }

    @Test
    void shouldSleepInTheGuestUntilItsInterrupt() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 16);
        BuiltInGuest.Run run = BuiltInGuest.run("blocks=16 depth=1", m -> m.drive(DriveConfig.of(disk.toString())))
                .assertPassed();
        Matcher interrupts = Pattern.compile("(\\d+) interrupts, (\\d+) notifications").matcher(run.console());
        assertTrue(interrupts.find(), run.console());
        // One request at a time: each of them was slept for, but for those that completed before the guest looked.
        assertTrue(Integer.parseInt(interrupts.group(1)) > 0, run.console());
    }

    /** virtio 1.3 §5.2.6.1: GET_ID. */
    @Test
    void shouldTellTheSerialNumber() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 16);
        BuiltInGuest.Run run = BuiltInGuest.run("blocks=1",
                m -> m.drive(DriveConfig.parse("file=" + disk + ",serial=A-20-BYTES-LONG-NAME"))).assertPassed();
        assertTrue(run.console().contains("id \"A-20-BYTES-LONG-NAME\""), run.console());
    }

    /** virtio 1.3 §5.2.5.2, VIRTIO_BLK_F_RO: the guest checks that its write is refused. */
    @Test
    void shouldLeaveAReadOnlyDiskAsItIs() throws Exception {
        Path disk = directory.resolve("read-only.img");
        byte[] before = new byte[16 * BuiltInGuest.BLOCK_BYTES];
        new Random(1).nextBytes(before);
        Files.write(disk, before);
        assertTrue(disk.toFile().setReadOnly());
        BuiltInGuest.Run run = BuiltInGuest.run("", m -> m.drive(DriveConfig.of(disk.toString()).withReadOnly(true)))
                .assertPassed();
        assertTrue(run.console().contains("read-only"), run.console());
        assertArrayEquals(before, Files.readAllBytes(disk));
    }

    @Test
    void shouldKeepTwoDisksApart() throws Exception {
        Path first = BuiltInGuest.disk(directory, 32);
        Path second = BuiltInGuest.disk(directory, 64);
        BuiltInGuest.run("blocks=16", m -> m.drive(DriveConfig.of(first.toString())).drive(DriveConfig.of(second.toString())))
                .assertPassed();
        BuiltInGuest.assertWritten(first, 0, 16, 1, 0);
        BuiltInGuest.assertUntouched(first, 16);
        BuiltInGuest.assertUntouched(second, 0);
    }

    @Test
    void shouldTellWhenTheGuestFoundSomethingWrong() throws Exception {
        BuiltInGuest.Run run = BuiltInGuest.run("");
        assertEquals(new StopCause.GuestExit(1), run.cause());
        assertTrue(run.console().contains("result: FAILED: no virtio-blk device"), run.console());
    }

    @Test
    void shouldServeTwoMachinesAtOnce() throws Exception {
        Path first = BuiltInGuest.disk(directory, 64);
        Path second = BuiltInGuest.disk(directory, 64);
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig other = BuiltInGuest.machine("mode=hold blocks=16 seed=2", console)
                .drive(DriveConfig.of(second.toString())).build();
        try (VirtualMachine vm = VirtualMachine.create(other)) {
            vm.start();
            console.await("holding", BuiltInGuest.LIMIT);
            BuiltInGuest.run("blocks=64", m -> m.drive(DriveConfig.of(first.toString()))).assertPassed();
            console.type("q");
            assertInstanceOf(StopCause.PowerOff.class, vm.await(BuiltInGuest.LIMIT), console::text);
        }
        assertTrue(console.text().contains("result: ok"), console::text);
        BuiltInGuest.assertWritten(first, 0, 64, 1, 0);
    }

    @Test
    void shouldRefuseADiskThatAnotherMachineWrites() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig config = BuiltInGuest.machine("mode=hold blocks=16", console)
                .drive(DriveConfig.of(disk.toString())).build();
        try (VirtualMachine vm = VirtualMachine.create(config)) {
            vm.start();
            console.await("holding", BuiltInGuest.LIMIT);
            DriveException refusal = assertThrows(DriveException.class,
                    () -> VirtualMachine.create(config).close());
            assertTrue(refusal.getMessage().contains(disk.toString()), refusal.getMessage());
        }
    }

    @Test
    @Tag("virtio:5.2.6.2/stable-flush")
    void shouldHoldAllThatWasFlushedWhenTheMachineIsStopped() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 4096);
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig config = BuiltInGuest.machine("mode=journal seed=5", console)
                .drive(DriveConfig.of(disk.toString())).build();
        try (VirtualMachine vm = VirtualMachine.create(config)) {
            vm.start();
            console.await("safe 9\r", BuiltInGuest.LIMIT);
            vm.requestStop();
            assertEquals(new StopCause.HostRequest(), vm.await(BuiltInGuest.LIMIT));
        }
        assertFlushed(disk, console.text());
    }

    private static void assertFlushed(Path disk, String said) throws IOException {
        Matcher safe = Pattern.compile("safe (\\d+)\n").matcher(said);
        int last = -1;
        while (safe.find()) {
            last = Integer.parseInt(safe.group(1));
        }
        BuiltInGuest.assertWritten(disk, 0, last + 1, 5, 0);
    }

    @Test
    @Tag("class:starvation")
    void shouldGoOnAfterAPause() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig config = BuiltInGuest.machine("mode=journal count=40 seed=5", console)
                .drive(DriveConfig.of(disk.toString())).build();
        try (VirtualMachine vm = VirtualMachine.create(config)) {
            vm.start();
            for (String line : new String[] {"safe 3\r", "safe 11\r", "safe 12\r"}) {
                console.await(line, BuiltInGuest.LIMIT);
                assertTrue(vm.pause());
                String then = console.text();
                Thread.sleep(50);
                // What was in the port when the guest was held may still come out; the guest says nothing new.
                assertTrue(console.text().length() - then.length() <= 64, console::text);
                vm.resume();
            }
            assertInstanceOf(StopCause.PowerOff.class, vm.await(BuiltInGuest.LIMIT), console::text);
        }
        BuiltInGuest.assertWritten(disk, 0, 40, 5, 0);
    }
}
