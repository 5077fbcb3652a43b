// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.monitor.FakeMachine;
import dev.miraflores.monitor.Monitor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What people type, and what they get. */
class HmpCommandsTest {

    private final FakeMachine machine = new FakeMachine();
    private final HmpCommands commands = new HmpCommands(new Monitor(machine), "1.2");

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "info status        | VM status: running",
        "info version       | miraflores 1.2; QMP as of QEMU 7.2",
        "info jobs          | No active jobs",
        "info block-jobs    | No active jobs",
        "info name          | fake",
        "info chardev       | serial0: filename=stdio",
        "info cpus          | * CPU #0: thread_id=4711",
        "info nothing       | Error: there is nothing to show for that; there is: status",
        "inof status        | unknown command: 'inof'; the nearest is 'info'",
        "block_resize d     | usage: block_resize DEVICE SIZE",
        "block_resize d 1M  | Error: Device 'd' not found",
        "device_del d       | Error: Device 'd' not found",
        "device_add e1000   | Error: 'e1000' is not a valid device model name",
        "drive_add 0 file=/nowhere,format=vmdk | Error: --drive file=/nowhere,format=vmdk: format=vmdk is not built",
        "drive_add 0 file=/nowhere,id=q | Error: drive /nowhere: no such file",
        "drive_add 0 if=none | Error: no file is named; write file=FILE,id=ID",
        "help nothing       | Error: there is no command 'nothing'; help tells all",
        "balloon 256        | Error: No balloon device has been activated",
        "info balloon       | Error: No balloon device has been activated",
        "block_job_cancel j | Error: Block job 'j' not found",
        "help cont          | cont|c -- lets it go on"})
    void shouldAnswerInLines(String line, String beginning) {
        String text = commands.run(line);
        assertTrue(text.startsWith(beginning), text);
        assertTrue(text.endsWith("\n"), text);
    }

    @Test
    void shouldDriveTheMachine() {
        for (String line : List.of("stop", "info status", "c", "system_powerdown", "q")) {
            commands.run(line);
        }
        assertEquals(List.of("pause", "resume", "power", "stop"), machine.told);
    }

    @Test
    void shouldKnowWhatMayComeNext() {
        assertTrue(commands.candidates(List.of()).containsAll(List.of("info", "device_add", "block_set_io_throttle")));
        assertTrue(commands.candidates(List.of("info")).containsAll(List.of("block", "irqfd", "iothreads")));
        assertEquals(List.of(), commands.candidates(List.of("stop")));
        assertTrue(commands.candidates(List.of("help")).contains("quit"));
    }

    /** No line throws, and none sends a terminal what it would act on. */
    @Property(tries = 300)
    void shouldTakeAnyLine(@ForAll String line) {
        HmpCommands fresh = new HmpCommands(new Monitor(new FakeMachine()), "1");
        String text = fresh.run(line);
        assertFalse(text.chars().anyMatch(c -> Character.isISOControl(c) && c != '\n'), text);
    }

    @Test
    void shouldConverseLineByLine() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        String typed = "info name\r\n\n" + "x".repeat(5000) + "\ninfo name";
        new HmpLines(commands, new ByteArrayInputStream(typed.getBytes(StandardCharsets.UTF_8)), out).run("1.2");
        assertEquals("""
                Miraflores 1.2 monitor - type 'help' for more information
                (hv) fake
                (hv) (hv) a line of more than 4096 bytes is no command
                (hv)\s""", out.toString(StandardCharsets.UTF_8));
    }

    /** JLine in between: a word is completed by a tab, a line is edited, one is called back. */
    @Test
    @Timeout(value = 30, unit = TimeUnit.SECONDS)
    void shouldEditCompleteAndRemember() throws InterruptedException {
        ByteArrayOutputStream shown = new ByteArrayOutputStream();
        try (TerminalMonitor terminal = new TerminalMonitor(shown)) {
            terminal.start(commands, "1.2");
            await(shown, "(hv) ");
            type(terminal, "stoq\u007f\t\r");
            await(machine.told, "pause");
            type(terminal, "con\t\r");
            await(machine.told, "resume");
            type(terminal, "\u0010\u0010\r");                  // ^P: the line before
            await(machine.told, "pause", "resume", "pause");
        }
    }

    private static void type(TerminalMonitor terminal, String keys) {
        byte[] bytes = keys.getBytes(StandardCharsets.US_ASCII);
        terminal.type(bytes, bytes.length);
    }

    private static void await(ByteArrayOutputStream shown, String text) throws InterruptedException {
        while (!shown.toString(StandardCharsets.UTF_8).contains(text)) {
            Thread.sleep(5);
        }
    }

    private static void await(List<String> told, String... last) throws InterruptedException {
        List<String> wanted = List.of(last);
        while (told.size() < wanted.size() || !told.subList(told.size() - wanted.size(), told.size()).equals(wanted)) {
            Thread.sleep(5);
        }
    }
}
