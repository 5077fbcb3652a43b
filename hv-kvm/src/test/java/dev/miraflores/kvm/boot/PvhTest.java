// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Offsets of struct hvm_start_info, hvm_modlist_entry and hvm_memmap_table_entry (Xen, start_info.h). */
class PvhTest {
    private static final int MIB = 1 << 20;

    private final LoadingHarness guest = new LoadingHarness(16 * MIB);

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    void shouldEnterInProtectedModeWhereTheNoteSays() {
        for (byte[] kernel : new byte[][] {KernelImages.pvh(), KernelImages.pvh32()}) {
            try (LoadingHarness other = new LoadingHarness(16 * MIB)) {
                LoadedKernel loaded = other.load(kernel, "");

                assertEquals(KernelKind.PVH, loaded.kind());
                assertEquals(new BootState.ProtectedMode(KernelImages.ELF_ENTRY, 0, 0x6000), loaded.state());
                assertEquals(0x00CF_9B00_0000_FFFFL, other.fields(BootState.GDT_GPA, 32).getLong(0x10), "32-bit code");
            }
        }
    }

    @Test
    void shouldHandOverTheStartInfo() {
        byte[] initrd = KernelImages.initrd(9000);
        LoadedKernel loaded = guest.load(KernelImages.pvh(), "a b", initrd);
        ByteBuffer info = guest.fields(0x6000, 4096);

        assertEquals(0x336E_C578, info.getInt(0));
        assertEquals(1, info.getInt(4), "version");
        assertEquals(1, info.getInt(12), "modules");
        assertEquals("a b", guest.text(info.getLong(24)));
        assertEquals(LoadingHarness.RSDP_GPA, info.getLong(32));
        assertEquals(6, info.getInt(48), "memory map entries");
        ByteBuffer map = guest.fields(info.getLong(40), 6 * 24);
        assertEquals(0x10_0000, map.getLong(3 * 24));
        assertEquals(15 * MIB, map.getLong(3 * 24 + 8));
        assertEquals(1, map.getInt(3 * 24 + 16));
        ByteBuffer module = guest.fields(info.getLong(16), 32);
        assertEquals(16 * MIB - 3 * 4096, module.getLong(0));
        assertEquals(loaded.initrdGpa(), module.getLong(0));
        assertEquals(9000, module.getLong(8));
        assertEquals(0, module.getLong(16), "an initrd has no command line");
        assertArrayEquals(initrd, guest.bytes(module.getLong(0), 9000));
    }

    @Test
    void shouldHandOverSeveralModulesWithTheirCommandLines() {
        guest.load(KernelImages.pvh(), "", KernelImages.initrd(10), KernelImages.initrd(20));
        ByteBuffer info = guest.fields(0x6000, 4096);
        ByteBuffer modules = guest.fields(info.getLong(16), 64);

        assertEquals(2, info.getInt(12));
        assertEquals("i0 arg", guest.text(modules.getLong(16)));
        assertEquals(20, modules.getLong(32 + 8));
        assertEquals("i1 arg", guest.text(modules.getLong(32 + 16)));
    }

    @Test
    void shouldRefuseAnEntryPointOutsideTheSegments() {
        byte[] kernel = KernelImages.pvh();
        ByteBuffer b = KernelImages.littleEndian(kernel);
        int description = 0x200 + 20 + 16;
        assertEquals(KernelImages.ELF_ENTRY, b.getInt(description));
        b.putInt(description, 0x5000);

        assertRefused("kernel 'k': the PVH entry point 0x5000 is in none of its segments: the file is damaged",
                () -> guest.load(kernel, ""));
    }

    @Test
    void shouldRefuseAFileWithoutTheNoteWhenToldThatItIsPvh() {
        assertRefused("kernel 'k' has no PVH entry point (ELF note Xen, 18): give a kernel built with CONFIG_PVH",
                () -> guest.load(KernelKind.PVH, KernelImages.vmlinux(), ""));
    }

    @Test
    void shouldRefuseMoreCommandLinesThanThereIsRoomFor() {
        assertRefused("initrd 'i0': its command line of 6 bytes and those before it are longer than 64 KiB: shorten them",
                () -> guest.load(KernelImages.pvh(), "x".repeat(0xFFFA), new byte[1], new byte[1]));
    }

    private static void assertRefused(String message, Runnable load) {
        assertEquals(message, assertThrows(BootException.class, load::run).getMessage());
    }
}
