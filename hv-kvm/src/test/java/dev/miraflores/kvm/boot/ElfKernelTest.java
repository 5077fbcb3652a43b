// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** vmlinux, and what all ELF kernels have in common. */
class ElfKernelTest {
    private static final int MIB = 1 << 20;
    private static final int E_MACHINE = 18;
    private static final int E_TYPE = 16;
    private static final int E_PHNUM = 56;
    private static final int PHDR = 64;
    private static final int P_OFFSET = PHDR + 8;
    private static final int P_PADDR = PHDR + 24;
    private static final int P_FILESZ = PHDR + 32;
    private static final int P_MEMSZ = PHDR + 40;

    private final LoadingHarness guest = new LoadingHarness(32 * MIB);
    private final byte[] kernel = KernelImages.vmlinux();
    private final ByteBuffer header = KernelImages.littleEndian(kernel);

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    void shouldLoadSegmentsAtTheirPhysicalAddressesAndEnterInLongMode() {
        LoadedKernel loaded = guest.load(kernel, "quiet");

        assertEquals(KernelKind.VMLINUX, loaded.kind());
        assertEquals(new BootState.LongMode(KernelImages.ELF_ENTRY, 0x9000, 0x7000, 0x9000), loaded.state(),
                "the entry point's virtual address becomes a physical one");
        assertEquals(KernelImages.ELF_GPA, loaded.kernelGpa());
        assertEquals(KernelImages.CODE_BYTES + KernelImages.BSS_BYTES, loaded.kernelBytes());
        assertArrayEquals(KernelImages.part(kernel, KernelImages.elfCodeOffset(), KernelImages.CODE_BYTES),
                guest.bytes(KernelImages.ELF_GPA, KernelImages.CODE_BYTES));
        assertArrayEquals(new byte[KernelImages.BSS_BYTES],
                guest.bytes(KernelImages.ELF_GPA + KernelImages.CODE_BYTES, KernelImages.BSS_BYTES));
    }

    @Test
    void shouldTakeAPhysicalEntryPointAsItIs() {
        header.putLong(24, KernelImages.ELF_GPA + 8);

        assertEquals(KernelImages.ELF_GPA + 8, ((BootState.LongMode) guest.load(kernel, "").state()).rip());
    }

    @Test
    void shouldMakeASetupHeaderWhereTheFileHasNone() {
        LoadedKernel loaded = guest.load(kernel, "quiet", KernelImages.initrd(4097));
        ByteBuffer page = guest.fields(0x7000, 4096);

        assertEquals((short) 0xAA55, page.getShort(0x1FE));
        assertEquals(0x5372_6448, page.getInt(0x202));
        assertEquals(0x20000, page.getInt(0x228));
        assertEquals("quiet", guest.text(0x20000));
        assertEquals(32 * MIB - 8192, loaded.initrdGpa());
        assertEquals(loaded.initrdGpa(), page.getInt(0x218));
        assertEquals(4097, page.getInt(0x21C));
    }

    @Test
    void shouldTellTheMemoryMap() {
        guest.load(kernel, "");
        ByteBuffer page = guest.fields(0x7000, 4096);

        assertEquals(6, page.get(0x1E8));
        assertE820(page, 0, 0, 0x9FC00, 1);
        assertE820(page, 1, 0x9FC00, 0x400, 2);
        assertE820(page, 2, 0xE0000, 0x20000, 2);
        assertE820(page, 3, 0x100000, 31 * MIB, 1);
        assertE820(page, 4, 0xE000_0000L, 0x1000_0000, 2);
        assertE820(page, 5, 0xFFFB_C000L, 0x4_4000, 2);
    }

    private static void assertE820(ByteBuffer page, int index, long gpa, long byteSize, int type) {
        int at = 0x2D0 + index * 20;
        assertEquals(gpa, page.getLong(at));
        assertEquals(byteSize, page.getLong(at + 8));
        assertEquals(type, page.getInt(at + 16));
    }

    @Test
    void shouldRefuseAnotherMachine() {
        header.putShort(E_MACHINE, (short) 183);

        assertRefused("kernel 'k' is ELF for another machine (e_machine 183, class 2): give an x86-64 kernel");
    }

    @Test
    void shouldRefuseAnObjectFile() {
        header.putShort(E_TYPE, (short) 1);

        assertRefused("kernel 'k' is ELF, but no program (e_type 1): give a linked kernel");
    }

    @Test
    void shouldRefuseAProgramForAnOperatingSystem() {
        header.putInt(PHDR, 3);

        assertRefused("kernel 'k' is a program that runs under an operating system: give a kernel");
    }

    @Test
    void shouldRefuseTruncationAnywhere() {
        assertRefused("kernel 'k' is truncated: it should have at least 64 bytes and has 63: copy it again",
                () -> guest.load(KernelImages.part(kernel, 0, 63), ""));
        assertRefused("kernel 'k' is truncated: it should have at least 120 bytes and has 119: copy it again",
                () -> guest.load(KernelImages.part(kernel, 0, 119), ""));
        assertRefused("kernel 'k' is truncated: a segment of 6000 bytes begins at 4096 and the file has 10095:"
                + " copy it again",
                () -> guest.load(KernelImages.part(kernel, 0, kernel.length - 1), ""));
    }

    @Test
    void shouldRefuseASegmentWhoseEndWrapsAround() {
        header.putLong(P_OFFSET, -1);

        assertRefused("kernel 'k' is truncated: a segment of 6000 bytes begins at 18446744073709551615"
                + " and the file has 10096: copy it again");
    }

    @Test
    void shouldRefuseASegmentThatIsLargerInTheFileThanInMemory() {
        header.putLong(P_MEMSZ, 5999);

        assertRefused("kernel 'k': a segment has 6000 bytes in the file and 5999 in memory: the file is damaged");
    }

    @Test
    void shouldRefuseASegmentPastTheEndOfMemory() {
        header.putLong(P_MEMSZ, 32 * MIB);

        assertRefused("kernel 'k': a segment needs 32 MiB at 0x100000, the guest's memory of 32 MiB ends at 0x2000000:"
                + " give it more memory (-m)");
    }

    @Test
    void shouldRefuseASegmentThatIsNoPhysicalAddress() {
        header.putLong(P_PADDR, Long.MAX_VALUE - 100);
        header.putLong(24, Long.MAX_VALUE - 100);

        assertRefused("kernel 'k': a segment wants 18288 bytes at 0x7fffffffffffff9b, which is no physical address:"
                + " the file is damaged");
    }

    @Test
    void shouldRefuseASegmentInTheBiosArea() {
        header.putLong(P_PADDR, 0xF_0000);

        assertRefused("kernel 'k': a segment needs 18288 bytes at 0xf0000, where there is a hole in RAM: link it elsewhere");
    }

    @Test
    void shouldRefuseASegmentOnTopOfThePageTables() {
        header.putLong(P_PADDR, 0xE000);

        assertRefused("kernel 'k': a segment at 0xe000..0x1276f overlaps the page tables at 0x9000..0xefff:"
                + " link it at 0x100000 or above");
    }

    @Test
    void shouldRefuseSegmentsThatOverlap() {
        header.putShort(E_PHNUM, (short) 2);
        System.arraycopy(kernel, PHDR, kernel, PHDR + 56, 56);

        assertRefused("kernel 'k': a segment at 0x100000..0x10476f overlaps a segment at 0x100000..0x10476f:"
                + " link it at 0x100000 or above");
    }

    @Test
    void shouldRefuseAnEntryPointOutsideTheSegments() {
        header.putLong(24, 0x200_0000);

        assertRefused("kernel 'k': the entry point 0x2000000 is in none of its segments:"
                + " the file is damaged or is no kernel");
    }

    @Test
    void shouldRefuseFilesWithoutSegments() {
        header.putLong(P_FILESZ, 0).putLong(P_MEMSZ, 0);
        assertRefused("kernel 'k' is ELF without a segment to load: give a linked kernel");
        header.putShort(E_PHNUM, (short) 0);
        assertRefused("kernel 'k' has 0 ELF program headers of 56 bytes: it is damaged or is no kernel");
        header.putShort(E_PHNUM, (short) 0xFFFF);
        assertRefused("kernel 'k' has 65535 ELF program headers of 56 bytes: it is damaged or is no kernel");
    }

    @Test
    void shouldRefuseALongCommandLine() {
        assertRefused("kernel 'k': the command line of 2048 bytes is longer than the 2047 it takes: shorten it (--append)",
                () -> guest.load(kernel, "x".repeat(2048)));
    }

    @Test
    void shouldRefuseMemoryTooSmallForTheBootStructures() {
        try (LoadingHarness tiny = new LoadingHarness(0xA000)) {
            assertRefused("memory: the page tables needs 24576 bytes at 0x9000, the guest's memory of 40960 bytes"
                    + " ends at 0xa000: give it more memory (-m)", () -> tiny.load(kernel, ""));
        }
    }

    private void assertRefused(String message) {
        assertRefused(message, () -> guest.load(kernel, ""));
    }

    private static void assertRefused(String message, Runnable load) {
        assertEquals(message, assertThrows(BootException.class, load::run).getMessage());
    }
}
