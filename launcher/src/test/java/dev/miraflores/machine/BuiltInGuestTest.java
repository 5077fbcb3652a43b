// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.kvm.StopCause;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The built-in guest without a disk: how it is booted, the ways in which it ends, the devices of the board. */
@KvmTest
class BuiltInGuestTest {

    private static BuiltInGuest.Run runImage(byte[] image, String words) throws InterruptedException {
        return BuiltInGuest.run(words, m -> m.kernel("image", image).vcpus(2));
    }

    @Test
    void shouldBootByPvh() throws Exception {
        String said = runImage(BuiltInGuest.image(), "mode=smp").assertPassed().console();
        assertTrue(said.contains("started by pvh, 32 MiB, 2 processors"), said);
    }

    @Test
    void shouldBootByTheLinuxProtocol() throws Exception {
        String said = runImage(BuiltInGuest.linuxImage(), "mode=smp").assertPassed().console();
        assertTrue(said.contains("started by linux, 32 MiB, 2 processors"), said);
    }

    @Test
    void shouldBootByMultiboot() throws Exception {
        String said = runImage(BuiltInGuest.multibootImage(), "mode=smp").assertPassed().console();
        assertTrue(said.contains("started by multiboot, 32 MiB, 2 processors"), said);
    }

    @ParameterizedTest
    @ValueSource(strings = {"mode=smp", "mode=smp nox2apic"})
    void shouldStartAllProcessors(String words) throws Exception {
        String said = BuiltInGuest.run(words, m -> m.vcpus(4)).assertPassed().console();
        assertTrue(said.contains("result: ok, 4 processors"), said);
    }

    @Test
    void shouldEndWithAPowerOff() throws Exception {
        assertEquals(new StopCause.PowerOff(), BuiltInGuest.run("mode=poweroff").cause());
    }

    @ParameterizedTest
    @ValueSource(strings = {"acpi", "cf9", "i8042"})
    void shouldEndWithAReset(String by) throws Exception {
        assertEquals(new StopCause.Reset(true), BuiltInGuest.run("mode=reset via=" + by, m -> m.reboots(false)).cause());
    }

    @Test
    void shouldEndWithTheValueOfDebugExit() throws Exception {
        assertEquals(new StopCause.GuestExit(42), BuiltInGuest.run("mode=poweroff debugexit=42").cause());
    }

    @Test
    void shouldPowerOffWhereThereIsNoDebugExit() throws Exception {
        assertEquals(new StopCause.PowerOff(),
                BuiltInGuest.run("mode=poweroff debugexit=42", m -> m.debugExit(false)).cause());
    }

    @Test
    void shouldTellOfATripleFault() throws Exception {
        StopCause.GuestCrash crash =
                assertInstanceOf(StopCause.GuestCrash.class, BuiltInGuest.run("mode=triple").cause());
        assertEquals("vCPU 0: KVM_EXIT_SHUTDOWN (triple fault)", crash.report().headline());
        assertTrue(crash.report().details().startsWith("rip 00000000001"), crash.report().details());
    }

    /** The guest's own report of an exception, and its end as a failure with a debug-exit port and without. */
    @Test
    void shouldReportAnException() throws Exception {
        BuiltInGuest.Run run = BuiltInGuest.run("mode=fault");
        assertEquals(new StopCause.GuestExit(1), run.cause());
        assertTrue(run.console().contains("guest: exception 6"), run.console());
        assertInstanceOf(StopCause.GuestCrash.class, BuiltInGuest.run("mode=fault", m -> m.debugExit(false)).cause());
    }

    /** Guests answer exec-to-first-instruction measurements before they do anything else. */
    @Test
    void shouldAnswerAtItsFirstInstructions() throws Exception {
        BuiltInGuest.Run run = BuiltInGuest.run("first");
        assertEquals(new StopCause.GuestExit(0), run.cause());
        assertEquals("", run.console());
    }

    @ParameterizedTest
    @ValueSource(strings = {"mode=spin", "mode=halt"})
    void shouldStopAGuestThatNeverEnds(String words) throws Exception {
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine vm = VirtualMachine.create(BuiltInGuest.machine(words, console).build())) {
            vm.start();
            console.await("APIC", BuiltInGuest.LIMIT);
            assertNull(vm.await(Duration.ofMillis(100)));
            vm.requestStop();
            assertEquals(new StopCause.HostRequest(), vm.await(BuiltInGuest.LIMIT));
        }
    }

    @Test
    void shouldBringTypedCharactersByInterrupt() throws Exception {
        ScriptedConsole console = new ScriptedConsole();
        try (VirtualMachine vm = VirtualMachine.create(BuiltInGuest.machine("mode=echo", console).build())) {
            vm.start();
            console.await("Control-D ends", BuiltInGuest.LIMIT);
            String long80 = "0123456789abcdefghij".repeat(4);      // five times what the port's FIFO holds
            console.type(long80);
            console.await(long80, BuiltInGuest.LIMIT);
            console.type("once more\004");
            assertEquals(new StopCause.PowerOff(), vm.await(BuiltInGuest.LIMIT));
        }
        assertTrue(console.text().contains("once more\nresult: ok"), console::text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " intx", " poll noeventidx", " ecam"})
    void shouldGiveRandomBytes(String words) throws Exception {
        String said = BuiltInGuest.run("mode=entropy" + words, m -> m.rng(true)).assertPassed().console();
        assertTrue(said.contains("result: ok, 4096 random bytes"), said);
    }
}
