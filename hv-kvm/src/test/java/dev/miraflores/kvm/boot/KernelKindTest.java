// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class KernelKindTest {
    @Test
    void shouldTellEachKindByItsContent() {
        assertEquals(KernelKind.BZIMAGE, detect(KernelImages.bzImage()));
        assertEquals(KernelKind.VMLINUX, detect(KernelImages.vmlinux()));
        assertEquals(KernelKind.PVH, detect(KernelImages.pvh()));
        assertEquals(KernelKind.PVH, detect(KernelImages.pvh32()));
        assertEquals(KernelKind.MULTIBOOT, detect(KernelImages.multibootElf()));
        assertEquals(KernelKind.MULTIBOOT, detect(KernelImages.multibootFlat()));
    }

    @Test
    void shouldPreferThe64BitEntryOfLinuxToItsPvhEntry() {
        assertEquals(KernelKind.VMLINUX, detect(KernelImages.vmlinuxOfLinux()));
    }

    @Test
    void shouldPreferPvhToMultibootIn64BitElfAndMultibootToPvhIn32BitElf() {
        assertEquals(KernelKind.PVH, detect(withMultibootHeader(KernelImages.pvh())));
        assertEquals(KernelKind.MULTIBOOT, detect(withMultibootHeader(KernelImages.pvh32())));
        assertEquals(KernelKind.MULTIBOOT, detect(withMultibootHeader(KernelImages.vmlinux())));
    }

    @Test
    void shouldNotTakeABlockOfZerosOrTextForAKernel() {
        String refusal = "kernel 'k' is not a kernel: give an x86-64 bzImage, an ELF vmlinux, or a PVH or Multiboot kernel";
        assertRefused(refusal, new byte[0]);
        assertRefused(refusal, new byte[100_000]);
        assertRefused(refusal, "#!/bin/sh\necho hello\n".getBytes());
    }

    @Test
    void shouldSayWhatAFileIsThatPeopleTakeForAKernel() {
        String rest = ": give an x86-64 bzImage, an ELF vmlinux, or a PVH or Multiboot kernel";
        assertRefused("kernel 'k' is not a kernel (it is compressed: unpack it first)" + rest,
                new byte[] {0x1F, (byte) 0x8B, 8, 0});
        assertRefused("kernel 'k' is not a kernel (it is an EFI program)" + rest, new byte[] {'M', 'Z', 0, 0});
    }

    @Test
    void shouldRefuseAProgramForLinux() {
        assertRefused("kernel 'k' is a program that runs under an operating system: give a kernel", KernelImages.program());
    }

    @Test
    void shouldRefuse32BitElfWithoutAWayIn() {
        byte[] kernel = KernelImages.multibootElf();
        Arrays.fill(kernel, KernelImages.elfCodeOffset(), KernelImages.elfCodeOffset() + 4, (byte) 0);

        assertRefused("kernel 'k' is 32-bit ELF with neither a Multiboot header nor a PVH entry point: give an x86-64 kernel",
                kernel);
    }

    /** Multiboot Specification 0.6.96 §3.1: in the first 8192 bytes, aligned, magic + flags + checksum = 0. */
    @Test
    void shouldFindAMultibootHeaderOnlyWhereItMayBe() {
        byte[] file = new byte[9000];
        ByteBuffer b = KernelImages.littleEndian(file);
        b.putInt(8180, 0x1BAD_B002).putInt(8184, 0x1_0000).putInt(8188, -(0x1BAD_B002 + 0x1_0000));
        assertEquals(8180, Multiboot.findHeader(new Fields(file)));

        b.putInt(8188, 1);
        assertEquals(-1, Multiboot.findHeader(new Fields(file)), "sum is not zero");

        Arrays.fill(file, (byte) 0);
        b.putInt(8184, 0x1BAD_B002).putInt(8188, 0x1_0000).putInt(8192, -(0x1BAD_B002 + 0x1_0000));
        assertEquals(-1, Multiboot.findHeader(new Fields(file)), "reaches beyond 8192 bytes");
    }

    private static byte[] withMultibootHeader(byte[] elf) {
        KernelImages.littleEndian(elf)
                .putInt(0x800, 0x1BAD_B002).putInt(0x804, 3).putInt(0x808, -(0x1BAD_B002 + 3));
        return elf;
    }

    private static KernelKind detect(byte[] content) {
        return KernelKind.detect(BootFile.of("kernel", "k", content));
    }

    private static void assertRefused(String message, byte[] content) {
        assertEquals(message, assertThrows(BootException.class, () -> detect(content)).getMessage());
    }
}
