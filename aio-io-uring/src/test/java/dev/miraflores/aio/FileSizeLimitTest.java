// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.linux.Errno;
import java.io.RandomAccessFile;
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
 * A limit on the length of files (setrlimit(2), RLIMIT_FSIZE), in a process of its own. Beyond it a write fails and the
 * kernel sends SIGXFSZ, which ends processes that do not expect it: a request's error, and no more, is what it has to be.
 */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FileSizeLimitTest {

    private static final long DISK_BYTES = 8 << 20;
    private static final long BEYOND = 4 << 20;

    @TempDir
    private Path folder;

    @Test
    void shouldReportWritesBeyondTheLimitAndGoOn() throws Exception {
        Path image = folder.resolve("disk.img");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(DISK_BYTES);
        }
        // In blocks of 512 bytes or of 1024, as the shell has it: 1 or 2 MiB.
        List<String> command = new ArrayList<>(List.of("sh", "-c", "ulimit -f 2048; exec \"$@\"", "sh",
            Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xshare:auto", "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData", "--enable-native-access=ALL-UNNAMED", "--illegal-native-access=deny", "-cp"));
        command.add(String.join(":", "target/test-classes", placeOf(IoThread.class), placeOf(Errno.class),
            placeOf(MpscLinkedAtomicQueue.class)));
        command.addAll(List.of(FileSizeLimitMain.class.getName(), image.toString(), Long.toString(BEYOND)));

        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertEquals(0, process.waitFor(), output);
        List<String> lines = output.lines().toList();
        assertEquals("done", lines.getLast(), output);
        assertTrue(lines.contains("threads none: EFBIG, 0, 0"), output);
        assertTrue(lines.contains("threads writeback: EFBIG, 0, 0"), output);
        for (String line : lines.subList(0, lines.size() - 1)) {
            assertTrue(line.endsWith(": EFBIG, 0, 0"), output);
        }
    }

    private static String placeOf(Class<?> type) {
        return Path.of(URI.create(type.getProtectionDomain().getCodeSource().getLocation().toString())).toString();
    }
}
