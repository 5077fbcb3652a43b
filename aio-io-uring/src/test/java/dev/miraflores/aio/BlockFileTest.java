// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is a disk and what is not, each refusal with its one line. */
class BlockFileTest {

    private static final int IMAGE_BYTES = 1 << 20;

    @TempDir
    private Path folder;
    private Path image;

    @BeforeEach
    void makeImage() throws IOException {
        image = folder.resolve("disk.img");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(IMAGE_BYTES);
        }
    }

    private String refusal(Path path, CacheMode cache, boolean readOnly) {
        DriveException refusal =
            assertThrows(DriveException.class, () -> BlockFile.open(path.toString(), cache, readOnly));
        assertFalse(refusal.getMessage().contains("\n"), "one line");
        assertTrue(refusal.getMessage().startsWith("drive " + path + ": "), refusal.getMessage());
        return refusal.getMessage().substring(("drive " + path + ": ").length());
    }

    private String refusal(Path path) {
        return refusal(path, CacheMode.WRITEBACK, false);
    }

    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldOpenAnImageInEachCacheMode(CacheMode cache) {
        try (BlockFile file = BlockFile.open(image.toString(), cache, false)) {
            assertEquals(IMAGE_BYTES, file.byteSize());
            assertEquals(cache, file.cache());
            assertFalse(file.isReadOnly());
            assertTrue(file.isLocked());
            if (cache.isDirect()) {
                assertNotNull(file.directAlignment());
                assertEquals(1, Integer.bitCount(file.directAlignment().offsetBytes()));
            } else {
                assertNull(file.directAlignment());
            }
        }
    }

    @Test
    void shouldRefuseAFileThatIsMissing() throws IOException {
        Path missing = folder.resolve("missing.img");
        assertEquals("no such file; create one of 1 GiB with: truncate -s 1G " + missing, refusal(missing));
        assertFalse(Files.exists(missing));
        assertTrue(refusal(image.resolve("below-a-file")).startsWith("no such file"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldRefuseADirectory(boolean readOnly) {
        assertEquals("is a directory; name an image file or a block device",
            refusal(folder, CacheMode.WRITEBACK, readOnly));
    }

    @Test
    void shouldRefuseWhatIsNoFile() throws Exception {
        assertEquals("is neither a file nor a block device; name one that is", refusal(Path.of("/dev/null")));
        Path fifo = folder.resolve("fifo");
        if (new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor() == 0) {
            assertEquals("is neither a file nor a block device; name one that is", refusal(fifo));
            assertEquals("is neither a file nor a block device; name one that is",
                refusal(fifo, CacheMode.WRITEBACK, true));
        }
    }

    /** For root as for others: who took the write permission away meant something by it. */
    @Test
    void shouldRefuseToWriteAFileWithoutWritePermission() throws IOException {
        Files.setPosixFilePermissions(image, PosixFilePermissions.fromString("r--r--r--"));
        String reason = refusal(image);
        assertTrue(reason.contains("read-only") && reason.contains("readonly=on"), reason);
        BlockFile.open(image.toString(), CacheMode.WRITEBACK, true).close();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 511, 513, 1000, IMAGE_BYTES + 1})
    void shouldRefuseASizeThatIsNoSectors(long bytes) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(bytes);
        }
        long rounded = (bytes / 512 + 1) * 512;
        assertEquals("size " + bytes + " is not a multiple of 512; lengthen it with: truncate -s " + rounded + " " + image,
            refusal(image));
        assertEquals(bytes, Files.size(image));
    }

    @Test
    void shouldOpenAnEmptyFile() throws IOException {
        Path empty = Files.createFile(folder.resolve("empty.img"));
        for (CacheMode cache : CacheMode.values()) {
            try (BlockFile file = BlockFile.open(empty.toString(), cache, false)) {
                assertEquals(0, file.byteSize());
            }
        }
    }

    @Test
    void shouldAllowManyReadersOrOneWriter() {
        String path = image.toString();
        try (BlockFile writer = BlockFile.open(path, CacheMode.WRITEBACK, false)) {
            assertEquals("in use by another hv or process, which has it open; end that one, or use readonly=on in both",
                refusal(image, CacheMode.WRITEBACK, false));
            assertEquals("in use by another hv or process, which writes it; end that one first",
                refusal(image, CacheMode.WRITEBACK, true));
            assertTrue(writer.isLocked());
        }
        try (BlockFile reader = BlockFile.open(path, CacheMode.WRITEBACK, true);
                BlockFile another = BlockFile.open(path, CacheMode.NONE, true)) {
            assertTrue(reader.isLocked() && another.isLocked());
            assertTrue(refusal(image).startsWith("in use by another hv or process"));
        }
        BlockFile.open(path, CacheMode.WRITEBACK, false).close();
    }

    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldMakeAFileLongerAndShorter(CacheMode cache) throws IOException {
        try (BlockFile file = BlockFile.open(image.toString(), cache, false)) {
            assertEquals(4 * IMAGE_BYTES, file.resize(4 * IMAGE_BYTES));
            assertEquals(4 * IMAGE_BYTES, file.byteSize());
            assertEquals(4 * IMAGE_BYTES, Files.size(image));
            assertEquals(8192, file.resize(8192));
            assertEquals(8192, Files.size(image));
            assertEquals(8192, file.resize(8192));

            assertThrows(DriveException.class, () -> file.resize(8192 + 100));
            assertThrows(DriveException.class, () -> file.resize(-512));
            assertEquals(8192, file.byteSize());
            assertEquals(8192, Files.size(image));
        }
    }

    @Test
    void shouldRefuseSizesThatTheFileSystemRefuses() throws IOException {
        try (BlockFile file = BlockFile.open(image.toString(), CacheMode.WRITEBACK, false)) {
            DriveException refusal = assertThrows(DriveException.class, () -> file.resize(Long.MAX_VALUE & -512L));
            assertTrue(refusal.getMessage().contains("EFBIG") || refusal.getMessage().contains("EINVAL"),
                refusal.getMessage());
            assertEquals(IMAGE_BYTES, file.byteSize());
        }
        try (BlockFile file = BlockFile.open(image.toString(), CacheMode.WRITEBACK, true)) {
            assertThrows(DriveException.class, () -> file.resize(2 * IMAGE_BYTES));
            assertEquals(IMAGE_BYTES, file.resize(IMAGE_BYTES));
        }
        assertEquals(IMAGE_BYTES, Files.size(image));
    }

    /** The lock of QEMU's tools is ours, both ways. */
    @Test
    @NeedsQemuIo
    void shouldShareItsLocksWithQemu() throws Exception {
        try (BlockFile writer = BlockFile.open(image.toString(), CacheMode.WRITEBACK, false)) {
            assertTrue(writer.isLocked());
            assertFalse(qemuIo("-c", "write 0 512"), "QEMU writes what we have open");
        }
        try (BlockFile reader = BlockFile.open(image.toString(), CacheMode.WRITEBACK, true)) {
            assertTrue(reader.isLocked());
            assertTrue(qemuIo("-r", "-c", "read 0 512"));
            assertFalse(qemuIo("-c", "write 0 512"), "QEMU writes what we read");
        }
        Process holder = new ProcessBuilder("qemu-io", "-f", "raw", image.toString())
            .redirectErrorStream(true).start();
        try {
            // Its answer to a command says that it has the image open.
            holder.getOutputStream().write("read 0 512\n".getBytes());
            holder.getOutputStream().flush();
            StringBuilder said = new StringBuilder();
            while (said.indexOf("ops") < 0) {
                int c = holder.getInputStream().read();
                assertTrue(c >= 0, "qemu-io ended: " + said);
                said.append((char) c);
            }
            assertTrue(refusal(image).startsWith("in use by another hv or process"));
        } finally {
            holder.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
        }
    }

    private boolean qemuIo(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("qemu-io", "-f", "raw"));
        command.addAll(List.of(arguments));
        command.add(image.toString());
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        process.waitFor();
        return !output.contains("lock") && output.contains("ops");
    }
}
