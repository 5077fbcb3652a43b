// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.linux.Seccomp;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What can be connected to from within the sandbox, in processes of their own: {@link SandboxReachMain}. */
class SandboxReachTest {

    private static final String REFUSED = "; the sandbox lets hv connect nowhere: start it with --shared-memory, or with --sandbox off";

    /** A socket's path has to be short. */
    private Path directory;

    @BeforeEach
    void make() throws IOException {
        assumeTrue(Seccomp.probe() == 0, "this kernel has no seccomp filters");
        directory = Files.createTempDirectory("hv-test");
    }

    @AfterEach
    void remove() throws IOException {
        if (directory != null) {
            Files.deleteIfExists(directory.resolve("s")); // which a sandbox leaves behind that has no use for it
            Files.delete(directory);
        }
    }

    private List<String> run(String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData",
                "--enable-native-access=ALL-UNNAMED", "--illegal-native-access=deny", "-cp",
                Path.of("target", "test-classes").toAbsolutePath() + ":" + System.getProperty("jdk.module.path"),
                SandboxReachMain.class.getName(), directory.toString()));
        command.addAll(List.of(options));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), said);
        assertEquals(0, process.exitValue(), said);
        assertTrue(said.endsWith("done\n"), said);
        return said.lines().toList();
    }

    @Test
    void shouldSayWhyABackEndIsOutOfReach() throws IOException, InterruptedException {
        String socket = directory.resolve("s").toString();
        assertEquals("drive d: vhost-user=" + socket + ": connect(" + socket + "): EPERM (1)" + REFUSED, run().getFirst());
    }

    /** Disks of other processes may be plugged later: those have to be connected to. */
    @Test
    void shouldReachABackEndWithSharedMemory() throws IOException, InterruptedException {
        String said = run("--shared-memory").getFirst();
        assertTrue(said.contains("it has not answered "), said);
    }
}
