// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import java.io.IOException;
import java.net.URI;
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
        checkWork(run(Errno.EPERM, false),
            "io_uring is denied to this process by a seccomp filter or security module, a container's for example", "native");
    }

    @Test
    void shouldDoWithoutWhereItIsHidden() throws Exception {
        checkWork(run(Errno.ENOSYS, false), "io_uring is not in this kernel, or a seccomp filter hides it", "native");
    }

    @Test
    void shouldDoWithoutLinuxAioToo() throws Exception {
        List<String> lines = run(Errno.ENOSYS, true);
        checkWork(lines, "io_uring is not in this kernel, or a seccomp filter hides it", "threads");
        assertTrue(lines.contains("choice: threads (aio=io_uring: io_uring is not in this kernel, or a seccomp filter hides it;"
            + " aio=native: Linux AIO is not in this kernel, or a seccomp filter hides it)"), lines.toString());
    }

    /** The kernel has it, but gives none: a drive without a wish does without, and says so. */
    @Test
    @NeedsIoUring
    void shouldDoWithoutWhereThereIsNoRoomForARing() throws Exception {
        List<String> lines = run(Errno.ENOMEM + "+");
        String all = lines.toString();
        assertTrue(lines.stream().anyMatch(line -> line.contains("ENOMEM") && line.startsWith(
            "choice: native (aio=io_uring: the kernel gave its I/O thread none: io_uring_setup(")), all);
        assertTrue(lines.stream().anyMatch(line -> line.startsWith(
            "wish: aio=io_uring: the kernel gave its I/O thread none: ") && line.endsWith("; or use aio=native")), all);
        assertTrue(lines.contains("drive: writeback threads"), all);
        assertTrue(lines.contains("drive: none native"), all);
        assertEquals("done", lines.getLast(), all);
    }

    /** @param direct the engine that a drive gets which passes the page cache by */
    private static void checkWork(List<String> lines, String why, String direct) {
        String all = lines.toString();
        assertTrue(lines.contains("why: " + why), all);
        assertTrue(lines.contains("wish: aio=io_uring: " + why + "; or use aio=" + direct), all);
        assertTrue(lines.contains("timers, events and messages"), all);
        for (CacheMode cache : CacheMode.values()) {
            assertTrue(lines.contains("drive: " + cache + " " + (cache.isDirect() ? direct : "threads")), all);
        }
        assertEquals("done", lines.getLast(), all);
    }

    private List<String> run(int errno, boolean linuxAioToo) throws IOException, InterruptedException {
        return run(Integer.toString(linuxAioToo ? -errno : errno));
    }

    private List<String> run(String failure) throws IOException, InterruptedException {
        Path launcher = folder.resolve("without_io_uring");
        Path source = Path.of("src/test/resources/dev/miraflores/aio/without_io_uring.c");
        execute(List.of("cc", "-Wall", "-Werror", "-o", launcher.toString(), source.toString()));
        List<String> command = new ArrayList<>(List.of(launcher.toString(), failure,
            Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xshare:auto", "-XX:TieredStopAtLevel=1",
            "--enable-native-access=ALL-UNNAMED", "--illegal-native-access=deny", "-cp"));
        command.add(String.join(":", "target/test-classes", placeOf(IoThread.class), placeOf(Errno.class),
            placeOf(MpscLinkedAtomicQueue.class)));
        command.add(WithoutIoUringMain.class.getName());
        command.add(folder.toString());
        return execute(command).lines().toList();
    }

    private static String placeOf(Class<?> type) {
        return Path.of(URI.create(type.getProtectionDomain().getCodeSource().getLocation().toString())).toString();
    }

    private static String execute(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        return output;
    }
}
