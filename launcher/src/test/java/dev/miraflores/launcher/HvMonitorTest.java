// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.BuildDirectory;
import dev.miraflores.machine.BuiltInGuest;
import dev.miraflores.machine.KvmTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code hv} with monitors, from its words to its exit code. */
@KvmTest
class HvMonitorTest {

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private List<String> words(String... more) throws IOException {
        Path kernel = Files.write(directory.resolve("kernel"), BuiltInGuest.image());
        Path disk = BuiltInGuest.disk(directory, 256);
        List<String> words = HvProcess.command("run", "--kernel", kernel.toString(), "-m", "64M", "--append", "mode=hold blocks=8 every=1",
                "--drive", "id=d,file=" + disk);
        words.addAll(List.of(more));
        return words;
    }

    private static void await(Path file) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!Files.exists(file)) {
            assertTrue(System.nanoTime() < end, () -> "no " + file);
            Thread.sleep(10);
        }
    }

    @Test
    void shouldTakeAScriptOnStandardInput() throws IOException, InterruptedException {
        try (HvProcess hv = HvProcess.start(directory, words("--monitor", "stdio", "--console", "none"))) {
            hv.type("info status\nstop\ninfo status\ncont\nquit\n");
            assertEquals(0, hv.await(), hv::texts);
            assertTrue(hv.out().contains("(hv) VM status: running\n(hv) (hv) VM status: paused\n"), hv::texts);
            assertEquals("", hv.err());
        }
    }

    @Test
    void shouldShowItselfToTopAndLeaveNoSocketBehind() throws IOException, InterruptedException {
        Path qmp = directory.resolve("qmp");
        try (HvProcess hv = HvProcess.start(directory, words("--qmp", "unix:" + qmp + ",server=on,wait=off", "--console", "none"))) {
            await(qmp);
            try (HvProcess top = HvProcess.start(directory, HvProcess.command("top", "--qmp", qmp.toString(), "--once", "--interval", "0.2"))) {
                assertEquals(0, top.await(), top::texts);
                assertTrue(top.out().contains("\nDISK ") && top.out().contains("\nd            io_uring"), top::texts);
            }
            try (HvProcess top = HvProcess.start(directory, HvProcess.command("top", "--qmp", "unix:" + qmp, "--interval", "0.2"))) {
                top.awaitOut("I/O THREAD");
                hv.kill();
                assertEquals(0, top.await(), top::texts);
                assertTrue(top.out().endsWith("the machine has ended\n"), top::texts);
            }
        }
    }

    @Test
    void shouldSayWhatIsWrongBeforeAnythingBegins() throws IOException, InterruptedException {
        Path file = Files.createFile(directory.resolve("file"));
        for (List<String> wrong : List.of(List.of("--qmp", "unix:" + file), List.of("--qmp", "tcp:127.0.0.1:1"),
                List.of("--monitor", "stdio"), List.of("--metrics", "tcp:0.0.0.0:1"))) {
            try (HvProcess hv = HvProcess.start(directory, words(wrong.toArray(new String[0])))) {
                assertEquals(2, hv.await(), hv::texts);
                assertTrue(hv.err().startsWith("hv: " + wrong.getFirst() + " "), hv::texts);
                assertEquals(1, hv.err().lines().count(), hv::texts);
                assertEquals("", hv.out());
            }
        }
    }

    /** A real pseudo-terminal, made by script(1): the console comes first, ^A c goes to the monitor and back. */
    @Test
    void shouldShareATerminalWithTheConsole() throws IOException, InterruptedException {
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")), "no script(1) here: a pseudo-terminal is not to be had");
        List<String> command = new ArrayList<>();
        StringBuilder shell = new StringBuilder();
        words("--monitor", "stdio").forEach(word -> shell.append('\'').append(word).append("' "));
        command.addAll(List.of("/usr/bin/script", "-qec", shell.toString(), "/dev/null"));
        try (HvProcess hv = HvProcess.start(directory, command)) {
            hv.awaitOut("(hv) ");
            hv.awaitOut("Miraflores guest");
            hv.type("\u0001c");
            hv.awaitOut("[monitor]");
            hv.type("info sta\t\r");
            hv.awaitOut("VM status: running");
            hv.type("\u0001c");
            hv.awaitOut("[console]");
            hv.type("q");
            assertEquals(0, hv.await(), hv::texts);
            assertTrue(hv.out().contains("result: ok"), hv::texts);
            assertFalse(hv.out().contains("unknown command"), hv::texts);
        }
    }
}
