// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.kvm.StopCause;
import dev.miraflores.kvm.boot.BootException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine that has ended leaves no descriptor, mapping or thread behind. */
@KvmTest
class MachineLeakTest {

    private static final Duration LIMIT = BuiltInGuest.LIMIT;
    private static final int TURNS = 10;
    // What of a machine is mapped, as /proc/self/maps names it.
    private static final Set<String> OURS = Set.of("kvm-vcpu", "io_uring", "/memfd:");

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private static Set<String> descriptors() throws IOException {
        try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
            // The one that lists them is among them, and gone when it is looked at.
            return fds.map(MachineLeakTest::target).filter(target -> !target.isEmpty())
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private static String target(Path fd) {
        try {
            return fd.getFileName() + " -> " + Files.readSymbolicLink(fd);
        } catch (IOException gone) {
            return "";
        }
    }

    private static long mappings() throws IOException {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            return maps.count();
        }
    }

    private static long mappingsOfMachines() throws IOException {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            return maps.filter(line -> OURS.stream().anyMatch(line::contains)).count();
        }
    }

    private static Set<Thread> threads() {
        return Thread.getAllStackTraces().keySet();
    }

    private void runMachine(Path image) throws InterruptedException {
        ScriptedConsole serial = new ScriptedConsole();
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("blocks=4", serial)
                .vcpus(2).rng(true).balloon(BalloonConfig.DEFAULTS).drive(DriveConfig.of(image.toString())).build())) {
            machine.start();
            assertEquals(new StopCause.PowerOff(), machine.await(LIMIT), serial.text());
        }
    }

    /** Ends in the middle of its I/O. */
    private void stopMachine(Path image) throws InterruptedException {
        ScriptedConsole serial = new ScriptedConsole();
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=hold blocks=4", serial)
                .drive(DriveConfig.of(image.toString())).build())) {
            machine.start();
            serial.await("holding", LIMIT);
        }
    }

    private void crashMachine() throws InterruptedException {
        try (VirtualMachine machine = VirtualMachine.create(BuiltInGuest.machine("mode=triple", new ScriptedConsole()).build())) {
            machine.start();
            assertInstanceOf(StopCause.GuestCrash.class, machine.await(LIMIT));
        }
    }

    /** Fails when a disk is open already. */
    private void failMachine(Path image) {
        assertThrows(BootException.class, () -> VirtualMachine.create(MachineConfig.builder()
                .kernel("no kernel", new byte[5000]).memoryBytes(32 << 20)
                .drive(DriveConfig.of(image.toString())).build()));
    }

    private void endMachines(Path image) throws InterruptedException {
        runMachine(image);
        stopMachine(image);
        crashMachine();
        failMachine(image);
    }

    @Test
    void shouldLeaveNothingBehind() throws IOException, InterruptedException {
        Path image = BuiltInGuest.disk(directory, 16);
        endMachines(image);                                  // what a process makes once
        Set<String> descriptorsBefore = descriptors();
        Set<Thread> threadsBefore = threads();
        long mappingsBefore = mappings();
        assertEquals(0, mappingsOfMachines());
        for (int i = 0; i < TURNS; i++) {
            endMachines(image);
        }
        assertEquals(descriptorsBefore, descriptors());
        assertEquals(0, mappingsOfMachines());
        // The JVM's own come and go, but a machine's would be one in each turn at least.
        long grown = mappings() - mappingsBefore;
        assertTrue(grown < TURNS, grown + " more mappings");
        Set<Thread> threadsAfter = new HashSet<>(threads());
        threadsAfter.removeAll(threadsBefore);
        threadsAfter.removeIf(thread -> thread.getThreadGroup() == null
                || "system".equals(thread.getThreadGroup().getName()));
        assertEquals(Set.of(), threadsAfter);
    }
}
