// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jctools.queues.atomic.MpscLinkedAtomicQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * In a process of its own, from which a seccomp filter takes io_uring as a container's does: see {@link WithoutIoUringMain}
 * for what has to work there.
 */
@NeedsCompiler
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WithoutIoUringTest {

    @TempDir
    Path folder;

    @Test
    void shouldDoWithoutWhereItIsDenied() throws Exception {
        List<String> lines = run(Errno.EPERM);
        assertEquals("why: io_uring is denied to this process by a seccomp filter or security module, a container's for"
            + " example", lines.get(0));
        checkWork(lines);
    }

    @Test
    void shouldDoWithoutWhereItIsHidden() throws Exception {
        List<String> lines = run(Errno.ENOSYS);
        assertEquals("why: io_uring is not in this kernel, or a seccomp filter hides it", lines.get(0));
        checkWork(lines);
    }

    private static void checkWork(List<String> lines) {
        assertTrue(lines.contains("wish: aio=io_uring: " + lines.get(0).substring("why: ".length())
            + "; or use aio=native"), lines.toString());
        assertTrue(lines.contains("timers, events and messages"), lines.toString());
        assertEquals("done", lines.getLast(), lines.toString());
    }

    private List<String> run(int errno) throws IOException, InterruptedException {
        Path launcher = folder.resolve("without_io_uring");
        Path source = Path.of("src/test/resources/dev/miraflores/aio/without_io_uring.c");
        execute(List.of("cc", "-Wall", "-Werror", "-o", launcher.toString(), source.toString()));
        List<String> command = new ArrayList<>(List.of(launcher.toString(), Integer.toString(errno),
            Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xshare:auto", "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED", "--illegal-native-access=deny", "-cp"));
        command.add(String.join(":", "target/test-classes", placeOf(IoThread.class), placeOf(Errno.class),
            placeOf(MpscLinkedAtomicQueue.class)));
        command.add(WithoutIoUringMain.class.getName());
        command.add(folder.toString());
        return execute(command).lines().toList();
    }

    private static String placeOf(Class<?> type) {
        return Path.of(java.net.URI.create(type.getProtectionDomain().getCodeSource().getLocation().toString())).toString();
    }

    private static String execute(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        return output;
    }
}
