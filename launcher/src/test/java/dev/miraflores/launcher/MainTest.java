// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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
        "--kernel K --rng period=5     | --rng period=5: a period limits nothing by itself; use max-bytes=N,period=MS",
        "--kernel K --vsock 5          | --vsock 5: no id is named; use cid=N, N being from 3 on",
        "--kernel K --port name=a,backend=none,id= | --port name=a,backend=none,id=: the id is empty; name one, or leave it out",
        "--kernel K --stage-path :     | --stage-path :: a path is empty; name a jar or a directory of jars",
        "--kernel K --sandbox-path=    | --sandbox-path : no path is named; name a file or a directory",
        "--kernel K --nic tap,fd=3,fds=4:5 | --nic tap,fd=3,fds=4:5: fd= and fds= both say which tap; leave one out",
        "--kernel K --console file:/no/such/x | --console file:/no/such/x: cannot be written: its directory does not exist; name another path",
        "--kernel K --console file:/a/b --port name=p,backend=file:/a/./b | --port name=p,backend=file:/a/./b: the file is where"
                + " --console file:/a/b writes, which would be overwritten; name another",
        "--kernel K --qmp unix:/q,foo=on | --qmp unix:/q,foo=on: unknown 'foo=on'; server=on and wait=off are all that a socket takes",
        "--kernel K --qmp unix:/no/such/q | --qmp unix:/no/such/q: cannot be made: its directory does not exist; name another path",
        "--kernel K --monitor stdio --monitor stdio --console none | --monitor stdio: given twice; leave one",
        "--kernel K stray              | stray: not expected here; see hv run --help",
    })
    void shouldRefuseABadMachineInOneLine(String options, String what) {
        String[] words = options == null ? new String[] {"run"} : ("run " + options).split(" ");
        assertEquals(2, hv(words));
        assertEquals("hv: " + what + "\n", err());
        assertEquals("", out());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "demo --ms=              | --ms : not a number of milliseconds; use 500, for example",
        "demo --ms 9999999999    | --ms 9999999999: not a number of milliseconds; use 500, for example",
        "demo --size 0           | --size 0: a disk has a size; use one such as 64M",
        "demo --drive-options foo=1    | --drive-options foo=1: unknown key 'foo'; the nearest is 'aio'",
        "demo --drive-options queues=0 | --drive-options queues=0: queues=0; use 1 to 64",
        "top --qmp unix:         | --qmp unix:: no path is named; use --qmp PATH, as hv run was given it",
        "vhost-user-blk --socket S --drive vhost-user=V | drive drive0 vhost-user=V: another process serves it already; have front ends"
                + " connect there, or name an image with file=",
    })
    void shouldRefuseInTheWordsThatWereTyped(String words, String what) {
        assertEquals(2, hv(words.split(" ")));
        assertEquals("hv: " + what + "\n", err());
        assertEquals("", out());
    }

    @Test
    void shouldSayThatAScratchDiskIsTooLarge() {
        assertEquals(2, hv("demo", "--size", "8000000T"));
        assertTrue(err().startsWith("hv: --size 8000000T: no such file in ") && err().endsWith("; use less\n"), err());
    }

    /** A socket's path is short; that one is not is no mistake of ours. */
    @ParameterizedTest
    @ValueSource(strings = {"--drive", "--nic"})
    void shouldRefuseAPathThatNoSocketCanHave(String option) {
        String path = "/".concat("x".repeat(107));
        assertEquals(2, hv("run", "--kernel", "K", option, "vhost-user=" + path));
        assertTrue(err().endsWith("vhost-user=" + path + ": a socket's path has 1 to 107 bytes; use another\n"), err());
        assertEquals(1, err().lines().count());
    }

    /** Nobody may ever read it, and opening it would wait for whoever does. */
    @Test
    @Timeout(20)
    void shouldNotWaitForAReaderOfAFifo(@TempDir Path directory) throws Exception {
        Path fifo = directory.resolve("fifo");
        assumeTrue(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor() == 0, "no mkfifo");
        assertEquals(2, hv("run", "--kernel", "K", "--console", "file:" + fifo));
        assertEquals("hv: --console file:" + fifo + ": cannot be written: a pipe that nobody reads, or a socket: start its reader first; name another path\n", err());
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
