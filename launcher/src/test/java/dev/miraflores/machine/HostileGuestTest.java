// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.HostileGuest.Figures;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Guests that do to their devices what no driver does. The host stays within its limits, the machine lives on, what was
 * attacked works after a reset, and the other disk keeps answering, each request rightly.
 */
@KvmTest
class HostileGuestTest {

    // Quiet phases and attacks in turn, so that what else goes on in the host weighs on both alike.
    private static final String PHASES = " rounds=4 ms=120";
    /** Of a disk's requests while another is attacked, to those while all is quiet: far below what a busy host makes of it. */
    private static final double LEAST_RATIO = 0.2;

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private void attack(String words, Consumer<MachineConfig.Builder> more) throws Exception {
        ScriptedConsole console = once(words, more);
        for (int again = 0; again < 2 && HostileGuest.hasHitItself(console); again++) {
            console = once(words, more);
        }
        Figures figures = HostileGuest.figures(console);
        assertTrue(figures.turns() > 0);
        assertTrue(figures.attacked() >= LEAST_RATIO * figures.quiet(), figures::toString);
    }

    private ScriptedConsole once(String words, Consumer<MachineConfig.Builder> more) throws Exception {
        ScriptedConsole console = new ScriptedConsole();
        MachineConfig.Builder config = HostileGuest.machine("mode=" + words + PHASES, directory, console);
        more.accept(config);
        try (HostLimits limits = new HostLimits(); VirtualMachine machine = VirtualMachine.create(config.build())) {
            machine.start();
            HostileGuest.awaitEnd(machine, console);
            limits.check();
        }
        return console;
    }

    @ParameterizedTest
    @ValueSource(strings = {"doorbells", "queues", "rings", "resets", "ports", "registers", "interrupts"})
    void shouldHarmOnlyItself(String attack) throws Exception {
        attack(attack, config -> { });
    }

    @ParameterizedTest
    @ValueSource(strings = {"queues", "rings", "registers"})
    void shouldHarmOnlyItselfOnMmio(String attack) throws Exception {
        attack(attack + " mmio=0xfeb00000 line=16", config -> config.virtio(VirtioTransport.MMIO));
    }

    @ParameterizedTest
    @ValueSource(strings = {"rings", "resets"})
    void shouldHarmOnlyItselfByEntropy(String attack) throws Exception {
        attack(attack + " count=4", config -> config.rng(true));
    }

    @Test
    void shouldHarmOnlyItselfFromTwoProcessorsAtOnce() throws Exception {
        attack("race", config -> config.vcpus(3));
    }
}
