// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher.terminal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** A real pseudo-terminal, which util-linux's script(1) makes, with the program in a process of its own. */
@EnabledIf("canMakeTerminals")
class StdioBackendTest {

    private static final String SCRIPT = "/usr/bin/script";

    @TempDir
    Path directory;

    private Process process;
    private final StringBuilder shown = new StringBuilder();

    static boolean canMakeTerminals() {
        boolean there = Files.isExecutable(Path.of(SCRIPT));
        if (!there) {
            System.out.println("StdioBackendTest: skipped, there is no " + SCRIPT + " to make a terminal");
        }
        return there;
    }

    @AfterEach
    void end() {
        if (process != null) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    /** Runs the probe in a terminal; the shell around it shows the settings before and after. */
    private void start(String mode) throws IOException {
        List<String> java = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED", "-cp", classPath(),
                TerminalProbe.class.getName(), mode));
        // A terminal of a size, that gets another when there is a file "larger". Who waits for it ends with the shell: no hangup
        // does that where the tests run with SIGHUP ignored.
        Path shell = Files.writeString(directory.resolve("probe.sh"), "stty cols 100 rows 30\n(until [ -e " + directory
                + "/larger ]; do kill -0 $$ 2>/dev/null || exit; sleep 0.1; done; stty -F /dev/tty cols 132 rows 43) &\necho [before $(stty -g)]\n"
                + "'" + String.join("' '", java) + "'\necho [status $?]\necho [after $(stty -g)]\n");
        // No job control: a shell that has it would itself restore the terminal after a job that was killed.
        process = new ProcessBuilder(SCRIPT, "-qfec", "trap : INT; . " + shell, "/dev/null").redirectErrorStream(true).start();
    }

    private static String classPath() {
        String modules = System.getProperty("jdk.module.path", "");
        String classes = System.getProperty("java.class.path", "");
        String patched = Path.of("target", "test-classes").toAbsolutePath() + ":" + Path.of("target", "classes").toAbsolutePath();
        return patched + ":" + modules + ":" + classes;
    }

    private void awaitShown(String text) throws IOException, InterruptedException {
        InputStream output = process.getInputStream();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (shown.indexOf(text) < 0) {
            assertTrue(System.nanoTime() < deadline, "no " + text + " in: " + shown);
            if (output.available() > 0) {
                shown.append(new String(output.readNBytes(output.available()), StandardCharsets.ISO_8859_1));
            } else {
                Thread.sleep(10);
            }
        }
    }

    private String between(String from, String to) {
        int start = shown.indexOf(from) + from.length();
        return shown.substring(start, shown.indexOf(to, start));
    }

    private void type(String keys) throws IOException {
        process.getOutputStream().write(keys.getBytes(StandardCharsets.ISO_8859_1));
        process.getOutputStream().flush();
    }

    private void signal(String name) throws IOException, InterruptedException {
        String pid = between("[pid ", "]");
        assertEquals(0, new ProcessBuilder("kill", "-" + name, pid).start().waitFor());
    }

    private void assertRestored() throws IOException, InterruptedException {
        awaitShown("[after ");
        awaitShown("]\r\n");
        process.waitFor(20, TimeUnit.SECONDS);
        shown.append(new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1));
        assertEquals(between("[before ", "]"), between("[after ", "]"), shown.toString());
    }

    @Test
    void shouldPassOnKeysAndEndAtControlAX() throws IOException, InterruptedException {
        start("wait");
        awaitShown("[ready]");
        type("k\u0003\r");                       // neither echoed, nor a signal, nor a line feed
        awaitShown("[typed k\u0003\r]");
        type("\u0001h");
        awaitShown("^A x    end hv");
        type("\u0001r");                         // takes as long as it takes
        awaitShown("[resume]");
        type("\u0001x");
        awaitShown("[quit]");
        assertRestored();
        assertTrue(shown.indexOf("[status 0]") > 0, shown.toString());
    }

    @Test
    void shouldTellOfTheTerminalsSize() throws IOException, InterruptedException {
        start("wait");
        awaitShown("[size 100x30]");
        awaitShown("[ready]");
        Files.createFile(directory.resolve("larger"));
        awaitShown("[size 132x43]");
    }

    @Test
    void shouldRestoreTheTerminalAtSigterm() throws IOException, InterruptedException {
        start("wait");
        awaitShown("[ready]");
        signal("TERM");
        assertRestored();
        assertTrue(shown.indexOf("[status 143]") > 0, shown.toString());
    }

    @Test
    void shouldRestoreTheTerminalAtSigint() throws IOException, InterruptedException {
        start("wait");
        awaitShown("[ready]");
        signal("INT");
        assertRestored();
    }

    @Test
    void shouldRestoreTheTerminalWhenAnExceptionEndsIt() throws IOException, InterruptedException {
        start("throw");
        assertRestored();
        assertTrue(shown.indexOf("[status 1]") > 0, shown.toString());
    }

    @Test
    void shouldRestoreTheTerminalAtExit() throws IOException, InterruptedException {
        start("exit");
        assertRestored();
        assertTrue(shown.indexOf("[status 7]") > 0, shown.toString());
    }

    @Test
    void shouldPassOnAPipeAsItIs() throws IOException, InterruptedException {
        process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "-cp", classPath(), TerminalProbe.class.getName(), "wait")
                .redirectErrorStream(true).start();
        type("a\u0001xb");
        awaitShown("[piped a\u0001xb]");
    }
}
