// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What cannot be used is refused in one line that says what to do. */
@NeedsQemuImg
class Qcow2OpeningTest {

    private static final long DISK_BYTES = 1 << 20;

    @TempDir
    private Path folder;

    private Path create(String options) {
        return QemuImg.create(folder.resolve("disk.qcow2"), options, DISK_BYTES);
    }

    private static String refusal(Path path, boolean readOnly, String... backing) {
        return refusal(path, readOnly, BackingFile.chain(backing));
    }

    private static String refusal(Path path, boolean readOnly, List<BackingFile> chain) {
        String message = assertThrows(DriveException.class,
            () -> Qcow2Image.open(path.toString(), CacheMode.WRITEBACK, readOnly, chain).close()).getMessage();
        assertFalse(message.contains("\n"), message);
        assertTrue(message.startsWith("drive "), message);
        return message;
    }

    private static void assertSays(String message, String... parts) {
        for (String part : parts) {
            assertTrue(message.contains(part), message);
        }
    }

    private static void patch(Path path, int offset, long value, int bytes) throws IOException {
        ByteBuffer image = ByteBuffer.wrap(Files.readAllBytes(path));
        for (int i = 0; i < bytes; i++) {
            image.put(offset + i, (byte) (value >>> 8 * (bytes - 1 - i)));
        }
        Files.write(path, image.array());
    }

    private static void open(Path path, boolean readOnly, String... backing) {
        open(path, readOnly, BackingFile.chain(backing));
    }

    private static void open(Path path, boolean readOnly, List<BackingFile> chain) {
        try (Qcow2Image image = Qcow2Image.open(path.toString(), CacheMode.WRITEBACK, readOnly, chain)) {
            assertEquals(DISK_BYTES, image.byteSize());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0x51464900, 4, 'is no qcow2 image'", "4, 1, 4, 'version 1'", "4, 4, 4, 'version 4'",
        "20, 8, 4, 'clusters of 2^8'", "20, 22, 4, 'clusters of 2^22'", "24, 0, 8, 'a disk of 0'",
        "24, 0x8000000000000000, 8, 'a disk of 9223372036854775808'", "24, 513, 8, 'a disk of 513'",
        "24, 0x0100000000000000, 8, 'too few for'", "32, 2, 4, 'encryption'", "36, 0x400001, 4, 'an L1 table of 4194305'",
        "36, 0xffffffff, 4, 'an L1 table of 4294967295'", "40, 0, 8, 'L1 table at offset 0'", "40, 513, 8, 'L1 table at'",
        "40, 0xfffffffffff00000, 8, 'L1 table at'", "48, 0x7fffffffffff0000, 8, 'refcount table at'",
        "56, 0xffffffff, 4, 'a refcount table of'", "56, 0, 4, 'no refcount table'", "60, 65537, 4, '65537 snapshots'",
        "72, 1, 8, 'qemu-img check -r all'", "72, 2, 8, 'marked as corrupt'", "72, 4, 8, 'an external data file'",
        "72, 8, 8, 'compression'", "72, 16, 8, 'extended L2 entries'", "72, 0x80, 8, 'incompatible bit 7'",
        "96, 7, 4, 'refcounts of 2^7'", "100, 96, 4, 'a header of 96'", "100, 0x20000, 4, 'a header of 131072'",
        "104, 1, 1, 'compression by zstd'"})
    @Tag("class:images")
    @Tag("class:length")
    void shouldRefuseWhatTheHeaderSays(int offset, String value, int bytes, String reason) throws IOException {
        Path path = create("");
        patch(path, offset, value.startsWith("0x") ? Long.parseUnsignedLong(value.substring(2), 16)
            : Long.parseLong(value), bytes);

        assertSays(refusal(path, false), reason);
    }

    @Test
    void shouldReadWhatItDoesNotWrite() throws IOException {
        Path path = create("");
        patch(path, 72, 3, 8);

        open(path, true);
        assertSays(refusal(path, false), "readonly=on");
    }

    /** No bit is left that says that something is consistent with a disk that changes. */
    @Test
    void shouldClearAutoclearFeatures() throws IOException {
        Path path = create("");
        patch(path, 88, 4, 8);

        open(path, true);
        assertEquals(4, ByteBuffer.wrap(Files.readAllBytes(path)).getLong(88));
        open(path, false);
        assertEquals(0, ByteBuffer.wrap(Files.readAllBytes(path)).getLong(88));
    }

    @Test
    void shouldRefuseTablesInOneAnothersPlace() throws IOException {
        Path path = create("");
        long l1 = ByteBuffer.wrap(Files.readAllBytes(path)).getLong(Qcow2Layout.L1_TABLE_OFFSET);
        patch(path, (int) l1, 0x10000 | Qcow2Layout.COPIED, 8);

        assertSays(refusal(path, false), "L2 table at offset 65536", "qemu-img check -r all");
        open(path, true);
    }

    @Test
    @Tag("class:images")
    void shouldOpenABackingFileOnlyWhereItIsNamed() throws IOException {
        Path base = folder.resolve("base.raw");
        Files.write(base, new byte[(int) DISK_BYTES]);
        Path top = folder.resolve("top.qcow2");
        QemuImg.succeed("create", "-q", "-f", "qcow2", "-F", "raw", "-b", base.toString(), top.toString());

        assertSays(refusal(top, false), base.toString(), "add backing=", "qemu-img convert");
        open(top, false, base.toString());
        assertSays(refusal(top, false, top.toString()), "its own backing file");
        assertSays(refusal(top, false, base.toString(), "third"), "has no backing file", "leave out backing.backing=third");
        assertSays(refusal(create(""), false, base.toString()), "has no backing file");
        assertSays(refusal(top, false, folder.resolve("none").toString()), "no such file");
    }

    /** What may have been written by a guest must not say what it is. */
    @Test
    @Tag("class:images")
    void shouldNotGuessABackingFilesFormat() {
        Path base = create("");
        Path top = folder.resolve("top.qcow2");
        QemuImg.succeed("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.toString(), top.toString());
        open(top, false, base.toString());
        QemuImg.succeed("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.toString(), "-o", "compat=0.10",
            top.toString());
        open(top, false, base.toString());
        QemuImg.succeed("rebase", "-u", "-F", "vpc", "-b", base.toString(), top.toString());
        assertSays(refusal(top, false, base.toString()), "format vpc", "add backing.driver=raw or backing.driver=qcow2");
    }

    /** As with QEMU, what the user says counts for more than what the image says. */
    @Test
    void shouldTakeABackingFilesFormatFromTheUser() throws IOException {
        Path base = create("");
        Path top = folder.resolve("top.qcow2");
        QemuImg.succeed("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.toString(), top.toString());
        QemuImg.succeed("rebase", "-u", "-F", "vpc", "-b", base.toString(), top.toString());
        open(top, false, List.of(new BackingFile(base.toString(), BackingFile.Format.QCOW2)));
        Files.write(base, new byte[(int) DISK_BYTES]);
        open(top, false, List.of(new BackingFile(base.toString(), BackingFile.Format.RAW)));
        assertSays(refusal(top, false, List.of(new BackingFile(base.toString(), BackingFile.Format.QCOW2))),
            base.toString(), "is no qcow2 image");
    }

    @Test
    void shouldOpenAChainOnlyAsFarAsItIsNamed() throws IOException {
        Path base = folder.resolve("base.raw");
        Files.write(base, new byte[(int) DISK_BYTES]);
        String[] chain = new String[4];
        chain[3] = base.toString();
        for (int i = 3; i > 0; i--) {
            chain[i - 1] = folder.resolve("layer" + i + ".qcow2").toString();
            QemuImg.succeed("create", "-q", "-f", "qcow2", "-F", i == 3 ? "raw" : "qcow2", "-b", chain[i], chain[i - 1]);
        }
        Path top = Path.of(chain[0]);
        open(top, false, chain[1], chain[2], chain[3]);
        open(top, true, chain[1], chain[2], chain[3]);
        assertSays(refusal(top, false, chain[1], chain[2]), chain[2], "add backing.backing.backing=" + base);
        assertSays(refusal(top, false, chain[1], chain[2], chain[3], "x"), base.toString(),
            "leave out backing.backing.backing.backing=x");
        assertSays(refusal(top, false, chain[1], chain[1]), "cannot be its own backing file");
        assertSays(refusal(top, false, chain[1], chain[2], chain[0]), chain[0]);
    }
}
