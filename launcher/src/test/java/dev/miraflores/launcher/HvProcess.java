// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@code hv} as users have it: a process of its own, started from the modules that these tests run on. */
final class HvProcess implements AutoCloseable {

    private static final long PATIENCE_SECONDS = 60;

    private final Process process;
    private final Path out;
    private final Path err;

    private HvProcess(Process process, Path out, Path err) {
        this.process = process;
        this.out = out;
        this.err = err;
    }

    /** A JVM with our modules, for a main module or class. */
    static List<String> java(String... words) {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                "--enable-native-access=dev.miraflores.bindings", "--illegal-native-access=deny",
                "-p", System.getProperty("jdk.module.path")));
        command.addAll(List.of(words));
        return command;
    }

    /** The command line that the {@code hv} script would make of these words. */
    static List<String> command(String... words) {
        List<String> command = java("-m", "dev.miraflores.launcher/dev.miraflores.launcher.Main");
        command.addAll(List.of(words));
        return command;
    }

    /** Starts a command; what it writes goes to files in {@code directory}. */
    static HvProcess start(Path directory, List<String> command) throws IOException {
        Path out = Files.createTempFile(directory, "out", "");
        Path err = Files.createTempFile(directory, "err", "");
        Process process = new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        return new HvProcess(process, out, err);
    }

    long pid() {
        return process.pid();
    }

    String out() throws IOException {
        return Files.readString(out, StandardCharsets.ISO_8859_1);
    }

    String err() throws IOException {
        return Files.readString(err, StandardCharsets.ISO_8859_1);
    }

    /** Writes to its standard input, which stays open. */
    void type(String keys) throws IOException {
        process.getOutputStream().write(keys.getBytes(StandardCharsets.ISO_8859_1));
        process.getOutputStream().flush();
    }

    /** Waits until its standard output holds {@code text}. */
    void awaitOut(String text) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
        while (!out().contains(text)) {
            assertTrue(System.nanoTime() < deadline && (process.isAlive() || out().contains(text)),
                    () -> "no '" + text + "' from a process that is " + process + ": " + texts());
            Thread.sleep(10);
        }
    }

    /** Waits for its end and returns the exit code. */
    int await() throws InterruptedException {
        assertTrue(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS), () -> "does not end: " + texts());
        return process.exitValue();
    }

    /** All that it has said, for messages. */
    String texts() {
        try {
            return "stdout: " + out() + "\nstderr: " + err();
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** Ends it at once. */
    void kill() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    @Override
    public void close() {
        kill();
    }
}
