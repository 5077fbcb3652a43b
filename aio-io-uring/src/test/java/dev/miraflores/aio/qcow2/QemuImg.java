// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** qemu-img, whose judgement of an image counts. */
final class QemuImg {

    /** What qemu-img check exits with where only leaked clusters were found. */
    private static final int LEAKS = 3;

    private QemuImg() {
    }

    record Result(int code, String output) {
    }

    static Result run(String... words) {
        List<String> command = new ArrayList<>(List.of("qemu-img"));
        command.addAll(List.of(words));
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Result(process.waitFor(), output);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    static void succeed(String... words) {
        Result result = run(words);
        assertEquals(0, result.code(), () -> String.join(" ", words) + ": " + result.output());
    }

    static Path create(Path image, String options, long bytes) {
        if (options.isEmpty()) {
            succeed("create", "-q", "-f", "qcow2", image.toString(), Long.toString(bytes));
        } else {
            succeed("create", "-q", "-f", "qcow2", "-o", options, image.toString(), Long.toString(bytes));
        }
        return image;
    }

    /** No error and no leak. */
    static void check(Path image) {
        Result result = run("check", "-f", "qcow2", image.toString());
        assertEquals(0, result.code(), result::output);
    }

    /** No error; leaks are what a kill may leave. */
    static void checkButLeaks(Path image) {
        Result result = run("check", "-f", "qcow2", image.toString());
        assertTrue(result.code() == 0 || result.code() == LEAKS, result::output);
    }

    /** The disk's bytes are these, to QEMU's eyes. */
    static void compare(Path image, byte[] content) {
        Path raw = image.resolveSibling(image.getFileName() + ".expected");
        try {
            Files.write(raw, content);
            Result result = run("compare", "-f", "qcow2", "-F", "raw", image.toString(), raw.toString());
            assertEquals(0, result.code(), result::output);
            Files.delete(raw);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
