// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.miraflores.linux.Landlock;
import dev.miraflores.linux.Seccomp;
import dev.miraflores.machine.BuildDirectory;
import dev.miraflores.machine.BuiltInGuest;
import dev.miraflores.machine.KvmTest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The sandbox for real, in processes of their own: {@link SandboxMain}. */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SandboxTest {

    /** 128 and SIGSYS, as the JDK and the shell have it. */
    private static final int KILLED = 128 + 31;

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    @BeforeEach
    void inside() throws IOException {
        assumeTrue(Seccomp.probe() == 0, "this kernel has no seccomp filters");
        Files.createDirectory(directory.resolve("inside"));
    }

    private static final class Ended {
        final int status;
        final List<String> lines;

        Ended(int status, List<String> lines) {
            this.status = status;
            this.lines = lines;
        }

        @Override
        public String toString() {
            return "status " + status + "\n" + String.join("\n", lines);
        }
    }

    private Ended run(String... more) throws IOException, InterruptedException {
        return run(SandboxMain.class, more);
    }

    private Ended run(Class<?> main, String... more) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC", "-Xms8m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData",
                "--enable-native-access=ALL-UNNAMED", "--illegal-native-access=deny", "-cp",
                Path.of("target", "test-classes").toAbsolutePath() + ":" + System.getProperty("jdk.module.path"),
                main.getName(), directory.toString()));
        command.addAll(List.of(more));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), said.lines().toList());
    }

    @Test
    void shouldRefuseOnEveryKindOfThreadAndGoOn() throws IOException, InterruptedException {
        Ended ended = run();
        assertEquals(0, ended.status, ended::toString);
        assertEquals("done", ended.lines.getLast(), ended::toString);
        boolean files = Landlock.version() > 0;
        assertEquals(files, ended.lines.contains("missing: []"), ended::toString);
        for (String thread : List.of("main", "old", "old io", "new io", "vcpu")) {
            boolean narrow = !thread.equals("main") && !thread.equals("old");
            has(ended, thread, "inet socket", "EPERM");
            has(ended, thread, "datagram socket", "EPERM");
            has(ended, thread, "stream socket", narrow ? "EPERM" : "done");
            has(ended, thread, "fork", "EPERM");
            has(ended, thread, "clone3", "ENOSYS");
            has(ended, thread, "chmod", "EPERM");
            has(ended, thread, "ring", "EPERM");
            has(ended, thread, "memfd", "EPERM");
            has(ended, thread, "read allowed", "done");
            has(ended, thread, "write allowed", narrow ? "EPERM" : "done");
            has(ended, thread, "type at terminal", "EPERM");
            has(ended, thread, "signal others", "EPERM");
            has(ended, thread, "undumpable", "EPERM");
            has(ended, thread, "new call", "ENOSYS");
            if (files) {
                has(ended, thread, "read forbidden", "EACCES");
                has(ended, thread, "make forbidden", narrow ? "EPERM" : "EACCES");
                has(ended, thread, "remove forbidden", narrow ? "EPERM" : "EACCES");
            }
        }
        workedOn(ended, files);
    }

    private static void has(Ended ended, String thread, String what, String result) {
        assertTrue(ended.lines.contains(thread + ": " + what + ": " + result), () -> thread + ", " + what + ": no " + result + " in " + ended);
    }

    private void workedOn(Ended ended, boolean files) {
        assertTrue(ended.lines.stream().anyMatch(line -> line.startsWith("program: Cannot run program")), ended::toString);
        if (files) {
            assertTrue(ended.lines.contains("image: drive " + directory.resolve("outside") + ": outside of the sandbox; start hv with"
                    + " --sandbox-path " + directory.resolve("outside") + ", or its directory, or with --sandbox off"), ended::toString);
        }
        assertTrue(ended.lines.stream().anyMatch(line -> line.startsWith("engine: threads (aio=io_uring: the sandbox ")), ended::toString);
        assertTrue(ended.lines.contains("virtual threads run"), ended::toString);
        assertTrue(ended.lines.contains("Max core file size 0 0 bytes "), ended::toString);
        int threads = 0;
        for (String line : ended.lines) {
            if (line.startsWith("status:")) {
                threads++;
                assertTrue(line.contains(" NoNewPrivs:1 Seccomp:2"), line);
                assertTrue(line.contains(" CapPrm:0000000000000000 CapEff:0000000000000000 "), line);
                assertTrue(!isRoot() || line.contains(" CapBnd:0000000000000000 CapAmb:0000000000000000 "), line);
            }
        }
        assertTrue(threads > 5, ended::toString);
        assertFalse(Files.exists(directory.resolve("outside.new")));
        assertTrue(Files.exists(directory.resolve("outside")));
    }

    /** What root may do elsewhere it may not in here, and is told so. */
    @Test
    void shouldSayThatCapabilitiesAreGone() throws IOException, InterruptedException {
        assumeTrue(isRoot(), "only root can make a file that is another's");
        Path others = Files.createFile(directory.resolve("inside").resolve("others"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.setAttribute(others, "unix:uid", 65534);
        Ended ended = run();
        assertEquals(0, ended.status, ended::toString);
        assertTrue(ended.lines.contains("image of others: drive " + others + ": permission denied: the sandbox has taken what this user may"
                + " do with the files of others; name it when hv starts, give it to this user with chown, or start with --sandbox off"),
                ended::toString);
    }

    @Test
    @KvmTest
    void shouldPlugAndMirrorWhatIsWithinReach() throws IOException, InterruptedException {
        assumeTrue(Landlock.version() > 0, "this kernel has no Landlock");
        Path outside = Files.move(BuiltInGuest.disk(directory, 64), directory.resolve("outside.img"));
        Path plug = Files.move(BuiltInGuest.disk(directory, 64), directory.resolve("inside").resolve("plug.img"));
        Path copy = Files.move(BuiltInGuest.disk(directory, 64), directory.resolve("inside").resolve("copy.img"));
        Ended ended = run(SandboxMachineMain.class);
        assertEquals(0, ended.status, ended::toString);
        assertTrue(ended.lines.contains("outside: drive " + outside + ": outside of the sandbox; start hv with --sandbox-path "
                + outside + ", or its directory, or with --sandbox off"), ended::toString);
        assertTrue(ended.lines.contains("plugged: threads"), ended::toString);
        assertTrue(ended.lines.contains("mirrored to: copy.img"), ended::toString);
        assertTrue(ended.lines.contains("unplugged: REMOVED"), ended::toString);
        assertEquals("done", ended.lines.getLast(), ended::toString);
        assertEquals(-1, Files.mismatch(plug, copy));
    }

    private static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }

    @ParameterizedTest
    @CsvSource({"execve, vcpu", "ptrace, io", "unshare, main", "x32, vcpu"})
    void shouldEndAProcessThatWasTakenOver(String call, String thread) throws IOException, InterruptedException {
        Ended ended = run(call, thread);
        assertEquals(KILLED, ended.status, ended::toString);
    }
}
