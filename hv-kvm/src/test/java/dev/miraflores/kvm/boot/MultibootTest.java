// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Multiboot Specification 0.6.96: §3.1 the header, §3.2 the machine's state, §3.3 the information. */
class MultibootTest {
    private static final int MIB = 1 << 20;
    private static final int FLAT_HEADER = 16 + 64;

    private final LoadingHarness guest = new LoadingHarness(16 * MIB);
    private final byte[] flat = KernelImages.multibootFlat();
    private final ByteBuffer header = KernelImages.littleEndian(flat);

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    void shouldLoadElfAndEnterWithTheMagicNumber() {
        LoadedKernel loaded = guest.load(KernelImages.multibootElf(), "");

        assertEquals(KernelKind.MULTIBOOT, loaded.kind());
        assertEquals(new BootState.ProtectedMode(KernelImages.ELF_ENTRY, 0x2BAD_B002, 0x1_0000), loaded.state());
        assertEquals(0x1BAD_B002, guest.fields(KernelImages.ELF_GPA, 4).getInt(0));
    }

    @Test
    void shouldLoadByTheAddressesInTheHeader() {
        LoadedKernel loaded = guest.load(flat, "");

        assertEquals(new BootState.ProtectedMode(KernelImages.ELF_ENTRY, 0x2BAD_B002, 0x1_0000), loaded.state());
        assertArrayEquals(KernelImages.part(flat, 16, KernelImages.CODE_BYTES),
                guest.bytes(KernelImages.ELF_GPA, KernelImages.CODE_BYTES));
        assertEquals(KernelImages.CODE_BYTES + KernelImages.BSS_BYTES, loaded.kernelBytes());
    }

    /** §3.1.3: a load_end_addr of zero is the end of the file, a bss_end_addr of zero is no bss. */
    @Test
    void shouldLoadToTheEndOfTheFileWhenNoEndIsGiven() {
        header.putInt(FLAT_HEADER + 20, 0).putInt(FLAT_HEADER + 24, 0);

        assertEquals(KernelImages.CODE_BYTES, guest.load(flat, "").kernelBytes());
    }

    @Test
    void shouldHandOverTheInformation() {
        byte[] first = KernelImages.initrd(5000);
        guest.load(KernelImages.multibootElf(), "-v", first, KernelImages.initrd(10));
        ByteBuffer info = guest.fields(0x1_0000, 4096);

        assertEquals(0b10_0100_1101, info.getInt(0), "flags: memory, command line, modules, map, loader's name");
        assertEquals(639, info.getInt(4));
        assertEquals(15 * 1024, info.getInt(8));
        assertEquals("k -v", guest.text(info.getInt(16)), "the kernel's name goes first");
        assertEquals(2, info.getInt(20));
        assertEquals(6 * 24, info.getInt(44));
        ByteBuffer map = guest.fields(info.getInt(48), 6 * 24);
        assertEquals(20, map.getInt(0));
        assertEquals(0x9FC00, map.getLong(12));
        assertEquals(1, map.getInt(20));
        assertEquals("miraflores", guest.text(info.getInt(64)));

        ByteBuffer modules = guest.fields(info.getInt(24), 32);
        int start = KernelImages.ELF_GPA + 0x5000;
        assertEquals(start, modules.getInt(0), "on the page after the kernel");
        assertEquals(start + 5000, modules.getInt(4));
        assertEquals("i0 arg", guest.text(modules.getInt(8)));
        assertEquals(start + 8192, modules.getInt(16));
        assertEquals("i1 arg", guest.text(modules.getInt(24)));
        assertArrayEquals(first, guest.bytes(start, 5000));
    }

    /** A kernel that goes back to real mode for the BIOS finds its services refused: stc; retf 2. Interrupts: iret. */
    @Test
    void shouldLeaveInterruptVectorsThatRefuseEachService() {
        guest.load(KernelImages.multibootElf(), "");
        ByteBuffer vectors = guest.fields(0, 0x400);

        assertEquals(0x580, vectors.getInt(4 * 0x10));
        assertEquals(0x580, vectors.getInt(4 * 0xFF));
        assertArrayEquals(new byte[] {(byte) 0xF9, (byte) 0xCA, 2, 0}, guest.bytes(0x580, 4));
        assertEquals(0x590, vectors.getInt(4 * 8));
        assertEquals(0x590, vectors.getInt(4 * 0x77));
        assertEquals((byte) 0xCF, guest.bytes(0x590, 1)[0]);
        assertEquals(0x3F8, guest.fields(0x400, 2).getShort(0), "the BIOS data behind them are there");
    }

    @Test
    void shouldRefuseRequirementsThatItDoesNotKnow() {
        header.putInt(FLAT_HEADER + 4, 0x1_0008).putInt(FLAT_HEADER + 8, -(0x1BAD_B002 + 0x1_0008));

        assertRefused("kernel 'k' asks for more than Multiboot 1 has (flags 0x10008): give another kernel");
    }

    @Test
    void shouldRefuseAddressesThatCannotBe() {
        header.putInt(FLAT_HEADER + 16, KernelImages.ELF_GPA + 65);
        assertRefused("kernel 'k': load_addr of its Multiboot header is 0x100041, which cannot be: the file is damaged");
        header.putInt(FLAT_HEADER + 16, KernelImages.ELF_GPA - 17);
        assertRefused("kernel 'k': load_addr of its Multiboot header is 0xfffef, which cannot be: the file is damaged");
        header.putInt(FLAT_HEADER + 16, KernelImages.ELF_GPA);
        header.putInt(FLAT_HEADER + 20, KernelImages.ELF_GPA);
        assertRefused("kernel 'k': load_end_addr of its Multiboot header is 0x100000, which cannot be: the file is damaged");
        header.putInt(FLAT_HEADER + 20, KernelImages.ELF_GPA + KernelImages.CODE_BYTES);
        header.putInt(FLAT_HEADER + 24, KernelImages.ELF_GPA + 1);
        assertRefused("kernel 'k': bss_end_addr of its Multiboot header is 0x100001, which cannot be: the file is damaged");
        header.putInt(FLAT_HEADER + 24, 0).putInt(FLAT_HEADER + 28, KernelImages.ELF_GPA + KernelImages.CODE_BYTES);
        assertRefused("kernel 'k': entry_addr of its Multiboot header is 0x101770, which cannot be: the file is damaged");
    }

    @Test
    void shouldRefuseATruncatedFile() {
        assertRefused("kernel 'k' is truncated: it should have 6016 bytes and has 6015: copy it again",
                () -> guest.load(KernelImages.part(flat, 0, flat.length - 1), ""));
        assertRefused("kernel 'k' is truncated in its Multiboot header: copy it again",
                () -> guest.load(KernelImages.part(flat, 0, FLAT_HEADER + 31), ""));
    }

    @Test
    void shouldRefuseAKernelThatIsLargerThanMemory() {
        header.putInt(FLAT_HEADER + 24, 17 * MIB);

        assertRefused("kernel 'k': the kernel needs 16 MiB at 0x100000, the guest's memory of 16 MiB ends at 0x1000000:"
                + " give it more memory (-m)");
    }

    @Test
    void shouldRefuseAModuleThatDoesNotFit() {
        assertRefused("initrd 'i0' of 15 MiB does not fit beside the kernel in 16 MiB of memory:"
                + " give the guest more memory (-m), or a smaller file", () -> guest.load(flat, "", new byte[15 * MIB]));
    }

    @Test
    void shouldRefuseAFileWithoutAHeaderWhenToldThatItIsMultiboot() {
        assertRefused("kernel 'k' has no Multiboot header in its first 8 KiB: boot it otherwise",
                () -> guest.load(KernelKind.MULTIBOOT, KernelImages.vmlinux(), ""));
    }

    private void assertRefused(String message) {
        assertRefused(message, () -> guest.load(flat, ""));
    }

    private static void assertRefused(String message, Runnable load) {
        assertEquals(message, assertThrows(BootException.class, load::run).getMessage());
    }
}
