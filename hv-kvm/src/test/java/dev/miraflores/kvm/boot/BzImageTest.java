// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Offsets as in the Linux x86 boot protocol's tables, written out here so that the bindings are checked as well. */
class BzImageTest {
    private static final int MIB = 1 << 20;

    private final LoadingHarness guest = new LoadingHarness(64 * MIB);
    private final byte[] kernel = KernelImages.bzImage();
    private final ByteBuffer header = KernelImages.littleEndian(kernel);

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    void shouldEnterAt0x200InTheImageWhereItPrefersToRun() {
        LoadedKernel loaded = guest.load(kernel, "console=ttyS0");

        assertEquals(KernelKind.BZIMAGE, loaded.kind());
        assertEquals(new BootState.LongMode(KernelImages.BZ_PREF_GPA + 0x200, 0x9000, 0x7000, 0x9000), loaded.state());
        assertEquals(KernelImages.BZ_PREF_GPA, loaded.kernelGpa());
        assertEquals(KernelImages.BZ_INIT_BYTES, loaded.kernelBytes());
        assertArrayEquals(KernelImages.part(kernel, KernelImages.BZ_SETUP_BYTES, KernelImages.BZ_IMAGE_BYTES),
                guest.bytes(loaded.kernelGpa(), KernelImages.BZ_IMAGE_BYTES));
    }

    @Test
    void shouldHandOverTheHeaderWithItsOwnFieldsFilledIn() {
        byte[] initrd = KernelImages.initrd(100_000);
        LoadedKernel loaded = guest.load(kernel, "console=ttyS0 root=/dev/vda", initrd);
        ByteBuffer page = guest.fields(0x7000, 4096);

        assertEquals(LoadingHarness.RSDP_GPA, page.getLong(0x70), "acpi_rsdp_addr");
        assertEquals(0, page.get(0x1EF), "sentinel");
        assertEquals(0x5372_6448, page.getInt(0x202), "header");
        assertEquals(0xFF, page.get(0x210) & 0xFF, "type_of_loader");
        assertEquals(0x20000, page.getInt(0x228), "cmd_line_ptr");
        assertEquals(0, page.getInt(0xC8), "ext_cmd_line_ptr");
        assertEquals(0x3F, page.getShort(0x236), "xloadflags are copied");
        assertEquals(KernelImages.BZ_INIT_BYTES, page.getInt(0x260), "init_size is copied");
        assertEquals(0, page.getInt(0x26C), "nothing is copied behind the header");
        assertEquals("console=ttyS0 root=/dev/vda", guest.text(0x20000));
        assertEquals(loaded.initrdGpa(), page.getInt(0x218));
        assertEquals(initrd.length, page.getInt(0x21C));
        assertArrayEquals(initrd, guest.bytes(loaded.initrdGpa(), initrd.length));
    }

    @Test
    void shouldPlaceTheInitrdAtTheEndOfMemory() {
        LoadedKernel loaded = guest.load(kernel, "", KernelImages.initrd(5000));

        assertEquals(64 * MIB - 8192, loaded.initrdGpa());
        assertEquals(5000, loaded.initrdBytes());
    }

    /** initrd_addr_max holds unless XLF_CAN_BE_LOADED_ABOVE_4G says that it need not. */
    @Test
    void shouldKeepTheInitrdBelowItsHighestAddress() {
        header.putShort(0x236, (short) 1);
        header.putInt(0x22C, 0x0200_4FFF);

        assertEquals(0x0200_3000, guest.load(kernel, "", KernelImages.initrd(8192)).initrdGpa());
    }

    @Test
    void shouldPlaceTheInitrdBelowAKernelThatReachesTheEndOfMemory() {
        header.putInt(0x260, 48 * MIB);

        assertEquals(KernelImages.BZ_PREF_GPA - 4096, guest.load(kernel, "", KernelImages.initrd(10)).initrdGpa());
    }

    @Test
    void shouldPlaceTheInitrdAbove4GiBWhenThereIsNoRoomBelow() {
        try (LoadingHarness large = new LoadingHarness((3L << 30) + 64 * MIB)) {
            header.putInt(0x260, (3 << 30) - KernelImages.BZ_PREF_GPA);
            header.putLong(0x258, KernelImages.BZ_PREF_GPA);
            LoadedKernel loaded = large.load(kernel, "", KernelImages.initrd(16 * MIB));

            assertEquals((4L << 30) + 48 * MIB, loaded.initrdGpa());
            ByteBuffer page = large.fields(0x7000, 4096);
            assertEquals(48 * MIB, page.getInt(0x218));
            assertEquals(1, page.getInt(0xC0), "ext_ramdisk_image");
        }
    }

    @Test
    void shouldMapThe4GiBOneToOne() {
        guest.load(kernel, "");

        assertEquals(0xA003, guest.fields(0x9000, 8).getLong(0));
        assertEquals(0xE003, guest.fields(0xA000, 32).getLong(24));
        assertEquals(0x83, guest.fields(0xB000, 8).getLong(0));
        assertEquals(0xFFE0_0083L, guest.fields(0xE000, 4096).getLong(4088));
    }

    /** The 64-bit entry wants __BOOT_CS 0x10 and __BOOT_DS 0x18 in the descriptor table. */
    @Test
    void shouldLeaveADescriptorTableWithLinuxSelectors() {
        guest.load(kernel, "");
        ByteBuffer gdt = guest.fields(BootState.GDT_GPA, BootState.GDT_BYTES);

        assertEquals(0x00AF_9B00_0000_FFFFL, gdt.getLong(0x10));
        assertEquals(0x00CF_9300_0000_FFFFL, gdt.getLong(0x18));
    }

    @Test
    void shouldLeaveTheBiosDataThatKernelsLookAt() {
        guest.load(kernel, "");

        assertEquals(0x3F8, guest.fields(0x400, 2).getShort(0));
        assertEquals((short) 0x9FC0, guest.fields(0x40E, 2).getShort(0));
        assertEquals(639, guest.fields(0x413, 2).getShort(0));
    }

    @Test
    void shouldRoundARelocatableKernelUpToItsAlignment() {
        header.putLong(0x258, KernelImages.BZ_PREF_GPA + 1);

        assertEquals(KernelImages.BZ_PREF_GPA + 2 * MIB, guest.load(kernel, "").kernelGpa());
    }

    @Test
    void shouldLoadAnImageWhoseLastParagraphIsNotWhole() {
        byte[] cut = KernelImages.part(kernel, 0, kernel.length - 15);

        assertEquals(KernelKind.BZIMAGE, guest.load(cut, "").kind());
    }

    @Test
    void shouldIgnoreASignatureBehindTheImage() {
        byte[] signed = new byte[kernel.length + 1000];
        System.arraycopy(kernel, 0, signed, 0, kernel.length);
        signed[kernel.length] = 1;

        LoadedKernel loaded = guest.load(signed, "");
        assertEquals(0, guest.bytes(loaded.kernelGpa() + KernelImages.BZ_IMAGE_BYTES, 1)[0]);
    }

    @Test
    void shouldTakeACommandLineOfTheLengthTheKernelStates() {
        guest.load(kernel, "x".repeat(KernelImages.BZ_CMDLINE_BYTES));

        assertRefused("kernel 'k': the command line of 2048 bytes is longer than the 2047 it takes: shorten it (--append)",
                () -> new LoadingHarness(64 * MIB).load(kernel, "x".repeat(KernelImages.BZ_CMDLINE_BYTES + 1)));
    }

    @Test
    void shouldRefuseAKernelOf32Bits() {
        header.putShort(0x236, (short) 0);

        assertRefused("kernel 'k' is a 32-bit Linux kernel (no 64-bit entry point): give an x86-64 one");
    }

    @Test
    void shouldRefuseAnOldProtocol() {
        header.putShort(0x206, (short) 0x020B);

        assertRefused("kernel 'k' has boot protocol 2.11, older than 2.12: give an x86-64 Linux of 3.8 or newer");
    }

    @Test
    void shouldRefuseAZImage() {
        header.put(0x211, (byte) 0);

        assertRefused("kernel 'k' is a zImage, to be loaded low: give a bzImage");
    }

    @Test
    void shouldRefuseATruncatedImage() {
        assertRefused("kernel 'k' is truncated: it should have 67584 bytes and has 67568: copy it again",
                () -> guest.load(KernelImages.part(kernel, 0, kernel.length - 16), ""));
        assertRefused("kernel 'k' is truncated: it should have 67584 bytes and has 1024: copy it again",
                () -> guest.load(KernelImages.part(kernel, 0, 1024), ""));
    }

    @Test
    void shouldRefuseAKernelThatIsLargerThanMemory() {
        header.putInt(0x260, 49 * MIB);

        assertRefused("kernel 'k': the kernel needs 49 MiB at 0x1000000, the guest's memory of 64 MiB ends at 0x4000000:"
                + " give it more memory (-m)");
    }

    @Test
    void shouldRefuseFieldsThatCannotBe() {
        header.putInt(0x230, 0x30_0000);
        assertRefused("kernel 'k': kernel_alignment is 0x300000, which cannot be: the file is damaged");
        header.putInt(0x230, 0x20_0000);
        header.put(0x201, (byte) 0x10);
        assertRefused("kernel 'k': length of the setup header is 0x10, which cannot be: the file is damaged");
    }

    @Test
    void shouldRefuseAKernelThatWantsToRunOnTopOfTheBootStructures() {
        header.putLong(0x258, 0x1000).putInt(0x230, 0x1000).putInt(0x260, 0x2_0000);

        assertRefused("kernel 'k': the kernel at 0x1000..0x20fff overlaps boot_params at 0x7000..0x7fff:"
                + " link it at 0x100000 or above");
    }

    @Test
    void shouldRefuseAnInitrdThatDoesNotFit() {
        assertRefused("initrd 'i0' of 46 MiB does not fit beside the kernel in 64 MiB of memory:"
                + " give the guest more memory (-m), or a smaller file", () -> guest.load(kernel, "", new byte[46 * MIB]));
    }

    @Test
    void shouldRefuseAnInitrdThatDoesNotFitBelowItsHighestAddress() {
        header.putShort(0x236, (short) 1);
        header.putInt(0x22C, 0x00FF_FFFF);

        assertRefused("initrd 'i0' of 16 MiB does not fit below 0x1000000, where this kernel wants it, beside the kernel"
                + " in 64 MiB of memory: give the guest more memory (-m), or a smaller file",
                () -> guest.load(kernel, "", new byte[16 * MIB]));
    }

    @Test
    void shouldRefuseTwoInitrds() {
        assertRefused("kernel 'k': a Linux kernel takes one initrd, not 2: put them into one file",
                () -> guest.load(kernel, "", new byte[10], new byte[10]));
    }

    @Test
    void shouldRefuseACommandLineWithAZeroByte() {
        assertRefused("kernel 'k': the command line has a zero byte at 1, where it would end: take it out",
                () -> guest.load(kernel, "a\0b"));
    }

    private void assertRefused(String message) {
        assertRefused(message, () -> guest.load(kernel, ""));
    }

    private static void assertRefused(String message, Runnable load) {
        assertEquals(message, assertThrows(BootException.class, load::run).getMessage());
    }
}
