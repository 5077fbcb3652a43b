// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.kvm.StopCause;
import java.io.IOException;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A guest that attacks the first of its two disks, and works on the second meanwhile.
 * <p>Its words are listed in {@code launcher/src/test/guest/README.md}.
 */
final class HostileGuest {

    static final String ATTACKED = "attacked";
    static final String INNOCENT = "innocent";
    private static final int BLOCKS = 256;
    private static final Pattern FIGURES = Pattern.compile(
        "attack [a-z]+: (\\d+) turns, the other disk (\\d+) requests quiet, (\\d+) attacked\nresult: ok");

    /** What an attack was: how much of it, and the requests that the other disk did without it and under it. */
    record Figures(long turns, long quiet, long attacked) {
    }

    private HostileGuest() {
    }

    /** A machine with both disks. */
    static MachineConfig.Builder machine(String words, Path directory, ScriptedConsole console) throws IOException {
        return BuiltInGuest.machine(words, console)
            .kernel("hostile.elf", BuiltInGuest.resource("/dev/miraflores/launcher/hostile.elf")).vcpus(2)
            .drive(attacked(directory))
            .drive(DriveConfig.of(BuiltInGuest.disk(directory, BLOCKS).toString()).withId(INNOCENT));
    }

    /** With all that a disk can have, so that all of it is attacked. */
    private static DriveConfig attacked(Path directory) throws IOException {
        return DriveConfig.parse("file=" + BuiltInGuest.disk(directory, BLOCKS) + ",queues=2,iothreads=2,packed=on,in-order=on,id="
            + ATTACKED);
    }

    /** Waits for the machine's end, which is the guest's own doing. */
    static void awaitEnd(VirtualMachine machine, ScriptedConsole console) throws InterruptedException {
        StopCause cause = machine.await(BuiltInGuest.LIMIT);
        assertNotNull(cause, () -> "still running: " + console.text());
        if (!hasHitItself(console)) {
            assertEquals(new StopCause.PowerOff(), cause, console::text);
        }
    }

    /**
     * A disk wrote over the guest's own program: of two processors that change a descriptor one may leave its address and the
     * other its length. That harms nobody else, and ends the attack before its time.
     */
    static boolean hasHitItself(ScriptedConsole console) {
        return console.text().contains("guest: exception");
    }

    /** What the guest said in the end; all it did not like is a failure. */
    static Figures figures(ScriptedConsole console) {
        Matcher figures = FIGURES.matcher(console.text());
        assertTrue(figures.find(), console::text);
        return new Figures(Long.parseLong(figures.group(1)), Long.parseLong(figures.group(2)),
            Long.parseLong(figures.group(3)));
    }
}
