// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.launcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.BuiltInGuest;
import dev.miraflores.machine.KvmTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The manual's example of a stage, which is no part of this program, in front of a guest's disk. */
@KvmTest
class StagePathTest {

    private static final Path EXAMPLE = Path.of("..", "docs", "stage-example");

    @TempDir
    static Path directory;

    private static Path modules;

    @BeforeAll
    static void compile() throws IOException, InterruptedException {
        modules = Files.createDirectory(directory.resolve("classes"));
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "javac").toString(),
                "-d", modules.toString(), "-p", System.getProperty("jdk.module.path")));
        try (var files = Files.walk(EXAMPLE)) {
            files.map(Path::toString).filter(file -> file.endsWith(".java")).forEach(command::add);
        }
        Process javac = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(javac.getInputStream().readAllBytes());
        assertEquals(0, javac.waitFor(), said);
    }

    private static HvProcess guest(Path disk, String stage, String... more) throws IOException {
        Path kernel = directory.resolve("guest.elf");
        Files.write(kernel, BuiltInGuest.image());
        List<String> command = HvProcess.command("run", "--kernel", kernel.toString(), "-m", "32", "--debug-exit",
                "--append", "blocks=16", "--drive", "file=" + disk + "," + stage);
        command.addAll(List.of(more));
        return HvProcess.start(directory, command);
    }

    @Test
    void shouldLetTheStageAnswerTheGuest() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        try (HvProcess hv = guest(disk, "stage=protect,stage.bytes=4096", "--stage-path", modules.toString())) {
            assertEquals(3, hv.await(), hv::texts);         // the guest said 1: a write was refused
            assertTrue(hv.out().contains("result: FAILED"), hv::texts);
        }
        assertEquals(0, Files.readAllBytes(disk)[0]);
    }

    @Test
    void shouldLeaveAloneWhatTheStageLetsThrough() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        try (HvProcess hv = guest(disk, "stage=protect,stage.bytes=0", "--stage-path", modules.toString())) {
            assertEquals(0, hv.await(), hv::texts);
        }
    }

    @Test
    void shouldSayInOneLineWhatIsWrong() throws Exception {
        Path disk = BuiltInGuest.disk(directory, 64);
        try (HvProcess hv = guest(disk, "id=d,stage=guard", "--stage-path", modules.toString())) {
            assertEquals(2, hv.await(), hv::texts);
            assertEquals("hv: drive d: no stage=guard; there are protect\n", hv.err());
        }
        try (HvProcess hv = guest(disk, "id=d,stage=protect,stage.byte=5", "--stage-path", modules.toString())) {
            assertEquals(2, hv.await(), hv::texts);
            assertEquals("hv: drive d: stage protect: no option byte; there are bytes\n", hv.err());
        }
        try (HvProcess hv = guest(disk, "id=d,stage=protect", "--stage-path", "/no/such.jar")) {
            assertEquals(2, hv.await(), hv::texts);
            assertEquals("hv: --stage-path /no/such.jar: no such file; name a jar or a directory of jars\n", hv.err());
        }
    }
}
