// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int hv(String... words) {
        return Main.run(words, new Console(new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8)));
    }

    private String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void shouldListTheCommandsWhenAskedForHelp() {
        assertEquals(0, hv("--help"));
        assertTrue(out().contains("doctor"), out());
        assertEquals("", err());
    }

    @Test
    void shouldPrintItsVersion() {
        assertEquals(0, hv("--version"));
        assertTrue(out().startsWith("hv "), out());
    }

    @Test
    void shouldShowHelpAsAnErrorWhenNothingIsAskedFor() {
        assertEquals(2, hv());
        assertTrue(err().contains("Usage: hv"), err());
    }

    @Test
    void shouldHelpWithACommand() {
        assertEquals(0, hv("doctor", "--help"));
        assertTrue(out().contains("--json"), out());
    }

    @Test
    void shouldRefuseAnUnknownCommandInOneLine() {
        assertEquals(2, hv("docter"));
        assertTrue(err().startsWith("hv: docter: no such command; commands are "), err());
        assertEquals(1, err().lines().count());
    }

    @Test
    void shouldRefuseAnUnknownOptionInOneLine() {
        assertEquals(2, hv("doctor", "--jsno"));
        assertEquals("hv: --jsno: no such option; the nearest is --json; see hv doctor --help\n", err());
    }

    /** Found before anything on the host is looked at: the files named here do not exist. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "                              | no kernel is named; use --kernel FILE",
        "--kernel K -m 0               | --memory 0: a guest needs memory; use a size such as 512M",
        "--kernel K -m 1000K           | --memory 1000K: not a whole number of MiB; use 1M",
        "--kernel K -m lots            | --memory lots: not a size; write a number with K, M, G or T, such as 512M; a plain number is MiB",
        "--kernel K -m 99999999999999G | --memory 99999999999999G: more than any host has; use less",
        "--kernel K --smp 0            | --smp 0: a machine needs a CPU; use 1 or more",
        "--kernel K --smp many         | --smp many: not a number of CPUs; use one such as 2",
        "--kernel K --drive file=D,chache=none | --drive file=D,chache=none: unknown key 'chache'; the nearest is 'cache'",
        "--kernel K --drive file=D,if=ide      | --drive file=D,if=ide: if=ide is not built yet; use if=virtio",
        "--kernel K --drive cache=none         | --drive cache=none: no file is named; write file=PATH",
        "--kernel K --drive file=A,id=x --drive file=B,id=x | --drive id=x: two drives have this id; change one",
        "--kernel K --console pty      | --console pty: pty is not built yet; use stdio, file:PATH, unix:PATH or none",
        "--kernel                      | Missing required parameter for option '--kernel' (FILE); see hv run --help",
        "--kernal K                    | --kernal: no such option; the nearest is --kernel; see hv run --help",
        "--kernel K --kernel L         | option '--kernel' (FILE) should be specified only once; see hv run --help",
        "-kernel K                     | -kernel: no such option; the nearest is --kernel; see hv run --help",
        "--kernel K stray              | stray: not expected here; see hv run --help",
    })
    void shouldRefuseABadMachineInOneLine(String options, String what) {
        String[] words = options == null ? new String[] {"run"} : ("run " + options).split(" ");
        assertEquals(2, hv(words));
        assertEquals("hv: " + what + "\n", err());
        assertEquals("", out());
    }

    @Test
    void shouldMakeNoSocketOrFileForAMachineThatCannotBe(@TempDir Path directory) {
        assertEquals(2, hv("run", "--console", "unix:" + directory.resolve("socket")));
        assertEquals(2, hv("run", "--console", "file:" + directory.resolve("log"), "--kernel", "K", "-m", "0"));
        assertEquals(0, directory.toFile().list().length);
    }

    @Test
    void shouldShowTheStackTraceWhenVerbose() {
        assertEquals(2, hv("doctor", "--jsno", "--verbose"));
        assertTrue(err().lines().count() > 2, err());
    }
}
