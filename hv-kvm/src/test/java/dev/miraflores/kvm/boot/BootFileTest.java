// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BootFileTest {
    private static final int MIB = 1 << 20;

    @TempDir
    Path directory;

    @Test
    void shouldLoadFromDiskAsFromAnArray() throws IOException {
        Path kernel = write("k", KernelImages.bzImage());
        Path initrd = write("i", KernelImages.initrd(3 * MIB + 1));
        try (LoadingHarness fromDisk = new LoadingHarness(64 * MIB);
                LoadingHarness fromArray = new LoadingHarness(64 * MIB)) {
            try (BootRequest request = BootRequest.open(kernel, initrd.toString(), "quiet", LoadingHarness.RSDP_GPA)) {
                assertEquals(fromArray.load(KernelImages.bzImage(), "quiet", KernelImages.initrd(3 * MIB + 1)),
                        BootLoader.load(fromDisk.memory, request));
            }
            assertArrayEquals(fromArray.bytes(0, 64 * MIB), fromDisk.bytes(0, 64 * MIB));
        }
    }

    @Test
    void shouldTakeMultibootModulesAsQemuWritesThem() throws IOException {
        Path kernel = write("k", KernelImages.multibootElf());
        Path a = write("a", new byte[10]);
        Path b = write("b,c", new byte[20]);
        String option = a + " one two," + b.toString().replace(",", ",,");
        try (BootRequest request = BootRequest.open(kernel, option, "", 0)) {
            assertEquals(2, request.modules().size());
            assertEquals(a + " one two", request.modules().get(0).commandLine());
            assertEquals(b.toString(), request.modules().get(1).commandLine());
            assertEquals(20, request.modules().get(1).file().byteSize());
        }
    }

    @Test
    void shouldTakeAnInitrdsNameAsItIsForOtherKernels() throws IOException {
        Path kernel = write("k", KernelImages.bzImage());
        Path initrd = write("a b,c", new byte[10]);
        try (BootRequest request = BootRequest.open(kernel, initrd.toString(), "", 0)) {
            assertEquals("", request.modules().get(0).commandLine());
            assertEquals(10, request.modules().get(0).file().byteSize());
        }
    }

    @Test
    void shouldRefuseFilesThatCannotBeRead() throws IOException {
        Path missing = directory.resolve("missing");
        assertRefused("kernel '" + missing + "' does not exist: check the name", missing);
        assertRefused("kernel '" + directory + "' is a directory: give the name of a file", directory);
        Path empty = write("empty", new byte[0]);
        assertRefused("kernel '" + empty + "' is empty: give another file", empty);
        assertRefused("kernel '/dev/null' is not a regular file: give the name of a file", Path.of("/dev/null"));
    }

    @Test
    void shouldRefuseAMissingInitrdByItsName() throws IOException {
        Path kernel = write("k", KernelImages.bzImage());
        String missing = directory.resolve("missing").toString();

        BootException e = assertThrows(BootException.class, () -> BootRequest.open(kernel, missing, "", 0));
        assertEquals("initrd '" + missing + "' does not exist: check the name", e.getMessage());
    }

    @Test
    void shouldRefuseAFileThatIsCutWhileItIsLoaded() throws IOException {
        Path kernel = write("k", KernelImages.bzImage());
        try (LoadingHarness guest = new LoadingHarness(64 * MIB);
                BootRequest request = BootRequest.open(kernel, null, "", 0)) {
            try (RandomAccessFile file = new RandomAccessFile(kernel.toFile(), "rw")) {
                file.setLength(8192);
            }
            BootException e = assertThrows(BootException.class, () -> BootLoader.load(guest.memory, request));
            String start = "kernel '" + kernel + "' is truncated: it should have at least 67584 bytes";
            assertTrue(e.getMessage().startsWith(start), e.getMessage());
        }
    }

    @Test
    void shouldKeepMessagesOnOneLineWhateverTheFileIsCalled() {
        BootException e = assertThrows(BootException.class, () -> BootFile.open("kernel", directory.resolve("a\nb\033c")));

        assertEquals("kernel '" + directory + "/a?b?c' does not exist: check the name", e.getMessage());
    }

    private Path write(String name, byte[] content) throws IOException {
        return Files.write(directory.resolve(name), content);
    }

    private static void assertRefused(String message, Path path) {
        assertEquals(message, assertThrows(BootException.class, () -> BootFile.open("kernel", path)).getMessage());
    }
}
