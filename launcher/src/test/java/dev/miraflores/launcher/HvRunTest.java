// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.BuildDirectory;
import dev.miraflores.machine.BuiltInGuest;
import dev.miraflores.machine.KvmTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code hv} from its words to its exit code. */
@KvmTest
class HvRunTest {

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private HvProcess run(String commandLine, String... more) throws IOException {
        Path kernel = Files.write(directory.resolve("kernel"), BuiltInGuest.image());
        List<String> command = HvProcess.command("run", "--kernel", kernel.toString(), "-m", "64M", "--append", commandLine);
        command.addAll(List.of(more));
        return HvProcess.start(directory, command);
    }

    @ParameterizedTest
    @CsvSource({
        "mode=poweroff,             0",
        "mode=reset via=cf9,        0",
        "mode=poweroff debugexit=5, 11",
        "mode=fault,                3",
    })
    void shouldExitAsTheGuestEnded(String commandLine, int exitCode) throws IOException, InterruptedException {
        String[] port = commandLine.contains("debugexit") ? new String[] {"--debug-exit"}
                : commandLine.contains("reset") ? new String[] {"--no-reboot"} : new String[0];
        try (HvProcess hv = run(commandLine, port)) {
            assertEquals(exitCode, hv.await(), hv::texts);
            assertTrue(hv.out().startsWith("Miraflores guest, started by "), hv::texts);
            assertEquals(exitCode == 3, hv.err().startsWith("hv: the guest crashed: "), hv::texts);
            assertTrue(exitCode == 3 || hv.err().isEmpty(), hv::texts);
        }
    }

    @Test
    void shouldRunAMachineWithAllItsOptions() throws IOException, InterruptedException {
        Path disk = BuiltInGuest.disk(directory, 256);
        Path log = directory.resolve("console.log");
        try (HvProcess hv = run("blocks=8", "--smp", "2", "--rng", "--drive", "file=" + disk + ",cache=none,id=d0,serial=S1",
                "--console", "file:" + log)) {
            assertEquals(0, hv.await(), hv::texts);
            assertEquals("", hv.out());
        }
        String said = Files.readString(log);
        assertTrue(said.contains("2 processors") && said.contains("id \"S1\"") && said.contains("result: ok"), said);
    }

    /** In the sandbox, where not every thread may remove it. */
    @Test
    void shouldRemoveTheSocketOfANicAtTheEnd(@TempDir Path sockets) throws IOException, InterruptedException {
        Path socket = sockets.resolve("n");
        try (HvProcess hv = run("mode=poweroff", "--nic", "socket,listen=unix:" + socket)) {
            assertEquals(0, hv.await(), hv::texts);
        }
        assertEquals(0, sockets.toFile().list().length);
    }

    /** The process is there until they are gone. */
    @Test
    void shouldRemoveItsSocketsWhenItIsToldToEnd(@TempDir Path sockets) throws IOException, InterruptedException {
        try (HvProcess hv = HvProcess.start(directory, HvProcess.command("demo", "--hold", "--qmp", "unix:" + sockets.resolve("q"),
                "--monitor", "unix:" + sockets.resolve("m"), "--metrics", "unix:" + sockets.resolve("o")))) {
            hv.awaitOut("holding");
            ProcessHandle.of(hv.pid()).orElseThrow().destroy();
            assertEquals(143, hv.await(), hv::texts);
        }
        assertEquals(0, sockets.toFile().list().length);
    }

    @Test
    void shouldShowTheDemoAndTidyUp() throws IOException, InterruptedException {
        Path temporary = Files.createDirectory(directory.resolve("tmp"));
        List<String> command = HvProcess.java("-Djava.io.tmpdir=" + temporary, "-m",
                "dev.miraflores.launcher/dev.miraflores.launcher.Main", "demo", "--ms", "1");
        try (HvProcess hv = HvProcess.start(directory, command)) {
            assertEquals(0, hv.await(), hv::texts);
            assertTrue(hv.out().contains("result: ok, 256 blocks verified"), hv::texts);
            assertEquals(0, temporary.toFile().list().length);
        }
    }

    @Test
    void shouldHoldTheDemoUntilToldToStop() throws IOException, InterruptedException {
        try (HvProcess hv = HvProcess.start(directory, HvProcess.command("demo", "--hold"))) {
            hv.awaitOut("holding");
            hv.type("q");
            assertEquals(0, hv.await(), hv::texts);
            assertTrue(hv.out().contains("result: ok"), hv::texts);
        }
    }

    @Test
    void shouldRefuseInOneLine() throws IOException, InterruptedException {
        try (HvProcess hv = run("mode=poweroff", "--drive", "file=" + directory)) {
            assertEquals(2, hv.await(), hv::texts);
            assertEquals("hv: drive " + directory + ": is a directory; name an image file or a block device\n", hv.err());
            assertEquals("", hv.out());
        }
    }
}
