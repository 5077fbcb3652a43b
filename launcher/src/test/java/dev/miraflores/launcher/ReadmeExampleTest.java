// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.BuildDirectory;
import dev.miraflores.machine.BuiltInGuest;
import dev.miraflores.machine.KvmTest;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program in README.md is one: it compiles as it stands there, without a warning, and boots a guest. */
class ReadmeExampleTest {

    private static final Pattern JAVA_BLOCK = Pattern.compile("^```java\n(.*?)^```$", Pattern.DOTALL | Pattern.MULTILINE);

    @TempDir(factory = BuildDirectory.class)
    Path directory;

    private Path compile() throws IOException {
        Matcher block = JAVA_BLOCK.matcher(Files.readString(Path.of("..", "README.md")));
        assertTrue(block.find(), "README.md has no java block");
        Path source = Files.writeString(directory.resolve("Example.java"), block.group(1));
        Path classes = directory.resolve("classes");
        StringWriter said = new StringWriter();
        PrintWriter out = new PrintWriter(said);
        int status = ToolProvider.findFirst("javac").orElseThrow().run(out, out, "-Xlint:all", "-Werror",
                "-p", System.getProperty("jdk.module.path"), "--add-modules", "dev.miraflores.launcher",
                "-d", classes.toString(), source.toString());
        assertEquals(0, status, said::toString);
        return classes;
    }

    @Test
    void shouldCompile() throws IOException {
        assertTrue(Files.exists(compile().resolve("Example.class")));
    }

    @Test
    @KvmTest
    void shouldBootAGuest() throws IOException, InterruptedException {
        Path classes = compile();
        Path kernel = Files.write(directory.resolve("kernel"), BuiltInGuest.image());
        Path disk = BuiltInGuest.disk(directory, 1024);
        List<String> command = HvProcess.java("--add-modules", "dev.miraflores.launcher", "-cp", classes.toString(),
                "Example", kernel.toString(), disk.toString());
        try (HvProcess example = HvProcess.start(directory, command)) {
            assertEquals(0, example.await(), example::texts);
            assertTrue(example.out().contains("result: ok, 256 blocks verified"), example::texts);
            assertTrue(example.out().contains("the guest powered off"), example::texts);
            assertEquals("", example.err());
        }
    }
}
