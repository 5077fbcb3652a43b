// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bindings;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Compiles a C program against the system's headers and runs it. */
final class Compiler {
    /** What the bindings were made from, as LINUX_VERSION_CODE: 6.1.0. */
    static final int HEADERS_VERSION = 6 << 16 | 1 << 8;

    private Compiler() {}

    /** The lines that the program prints. */
    static List<String> run(String program) throws IOException {
        Path folder = Files.createTempDirectory("layout");
        Path source = folder.resolve("program.c");
        Path executable = folder.resolve("program");
        try {
            Files.writeString(source, program);
            // -x c: one run of the compiler; -w: some headers are not clean.
            execute(List.of("cc", "-w", "-o", executable.toString(), "-x", "c", source.toString()));
            return execute(List.of(executable.toString())).lines().toList();
        } finally {
            Files.deleteIfExists(source);
            Files.deleteIfExists(executable);
            Files.deleteIfExists(folder);
        }
    }

    private static String execute(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            int status = process.waitFor();
            if (status != 0) {
                throw new IOException(command.getFirst() + " exited with " + status + ":\n" + output);
            }
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
        return output;
    }
}
