// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.devices.block.BlockCounter;
import dev.miraflores.devices.block.BlockCounters;
import dev.miraflores.machine.DeviceRemoval.State;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A guest that ejects what it likes, with requests in flight, and goes on to use what is gone; its host plugs and unplugs. */
@KvmTest
class HostileUnplugTest {

    private static final int CYCLES = 12;
    private static final Duration LIMIT = BuiltInGuest.LIMIT;

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private final ScriptedConsole console = new ScriptedConsole();

    @Test
    void shouldOutliveAGuestThatRacesWithItsHost() throws Exception {
        try (HostLimits limits = new HostLimits(); VirtualMachine machine = VirtualMachine.create(
                HostileGuest.machine("mode=unplug ms=50 rounds=2", directory, console).build())) {
            machine.start();
            console.await("'q' ends", LIMIT);
            remove(machine, 0);
            long reads = 0;
            for (int cycle = 1; cycle <= CYCLES; cycle++) {
                String image = BuiltInGuest.disk(directory, 16).toString();
                assertEquals(HostileGuest.ATTACKED, machine.addDrive(DriveConfig.of(image).withId(HostileGuest.ATTACKED)));
                List<BlockCounters> counters = countersOfAttacked(machine);
                Thread.sleep(3L * cycle * (cycle & 3));     // sometimes not yet seen, sometimes ejected already
                remove(machine, cycle);
                reads += counters.isEmpty() ? 0 : counters.getFirst().requests().get(BlockCounter.READS);
            }
            assertTrue(reads > 0, "the guest used no disk that was plugged");
            console.type("q");
            HostileGuest.awaitEnd(machine, console);
            limits.check();
        }
        assertTrue(HostileGuest.figures(console).turns() > 0);
    }

    private static List<BlockCounters> countersOfAttacked(VirtualMachine machine) {
        try {
            return machine.drive(HostileGuest.ATTACKED).status().counters();
        } catch (ConfigException ejected) {
            return List.of();
        }
    }

    /** By asking, with patience or none, or by force; the guest may have been first. */
    private static void remove(VirtualMachine machine, int cycle) throws InterruptedException {
        DeviceRemoval removal;
        try {
            removal = machine.removeDrive(HostileGuest.ATTACKED, Duration.ofMillis(100L * (cycle % 3)));
        } catch (ConfigException gone) {
            return;
        }
        for (long end = System.nanoTime() + LIMIT.toNanos(); removal.state() != State.REMOVED;) {
            assertTrue(System.nanoTime() < end, () -> removal.state() + ": " + removal.failure());
            if (removal.await(Duration.ofMillis(500)) == State.UNANSWERED) {
                removal.force();
            }
        }
    }
}
