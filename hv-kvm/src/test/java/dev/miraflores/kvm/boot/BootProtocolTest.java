// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import dev.miraflores.kvm.CpuTopology;
import dev.miraflores.kvm.ExitHandler;
import dev.miraflores.kvm.GuestCpuid;
import dev.miraflores.kvm.Kvm;
import dev.miraflores.kvm.KvmTest;
import dev.miraflores.kvm.Listing;
import dev.miraflores.kvm.StopCause;
import dev.miraflores.kvm.Vcpu;
import dev.miraflores.kvm.Vm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Each protocol on a real vCPU: a kernel of a few instructions tells through ports what it was handed. It writes the
 * magic number to port 0x10, the first four bytes of the command line to 0x11, CS to 0x12, and halts.
 */
@KvmTest
class BootProtocolTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final int ABCD = 0x6463_6261;

    /** rsi is boot_params; the header's magic is at 0x202, cmd_line_ptr at 0x228. The stack is used too. */
    private static final String LINUX = """
            8B 86 02 02 00 00       mov  0x202(%rsi), %eax
            E7 10                   out  %eax, $0x10
            8B 9E 28 02 00 00       mov  0x228(%rsi), %ebx
            8B 03                   mov  (%rbx), %eax
            50                      push %rax
            5A                      pop  %rdx
            89 D0                   mov  %edx, %eax
            E7 11                   out  %eax, $0x11
            8C C8                   mov  %cs, %eax
            E7 12                   out  %eax, $0x12
            F4                      hlt
            """;

    /** ebx is hvm_start_info: its magic at 0, cmdline_paddr at 24. */
    private static final String PVH = """
            8B 03                   mov  (%ebx), %eax
            E7 10                   out  %eax, $0x10
            8B 4B 18                mov  24(%ebx), %ecx
            8B 01                   mov  (%ecx), %eax
            E7 11                   out  %eax, $0x11
            8C C8                   mov  %cs, %eax
            E7 12                   out  %eax, $0x12
            F4                      hlt
            """;

    /** eax is the magic, ebx the information: cmdline at 16, which begins with the kernel's name "k" and a space. */
    private static final String MULTIBOOT = """
            E7 10                   out  %eax, $0x10
            8B 4B 10                mov  16(%ebx), %ecx
            8B 41 02                mov  2(%ecx), %eax
            E7 11                   out  %eax, $0x11
            8C C8                   mov  %cs, %eax
            E7 12                   out  %eax, $0x12
            F4                      hlt
            """;

    @Test
    void shouldEnterABzImage() throws InterruptedException {
        byte[] kernel = KernelImages.bzImage();
        place(kernel, KernelImages.BZ_SETUP_BYTES + 0x200, LINUX);

        assertEquals(List.of(0x5372_6448, ABCD, 0x10), run(kernel));
    }

    @Test
    void shouldEnterAVmlinux() throws InterruptedException {
        assertEquals(List.of(0x5372_6448, ABCD, 0x10), run(withCode(KernelImages.vmlinux(), LINUX)));
    }

    @Test
    void shouldEnterAPvhKernel() throws InterruptedException {
        assertEquals(List.of(0x336E_C578, ABCD, 0x10), run(withCode(KernelImages.pvh(), PVH)));
    }

    @Test
    void shouldEnterAMultibootKernel() throws InterruptedException {
        assertEquals(List.of(0x2BAD_B002, ABCD, 0x10), run(withCode(KernelImages.multibootElf(), MULTIBOOT)));
    }

    @Test
    void shouldEnterAMultibootKernelThatIsNotElf() throws InterruptedException {
        byte[] kernel = KernelImages.multibootFlat();
        place(kernel, 16 + 128, MULTIBOOT);                         // behind the header, which has the entry address
        KernelImages.littleEndian(kernel).putInt(16 + 64 + 28, KernelImages.ELF_GPA + 128);

        assertEquals(List.of(0x2BAD_B002, ABCD, 0x10), run(kernel));
    }

    private static byte[] withCode(byte[] elf, String listing) {
        place(elf, KernelImages.elfCodeOffset() + KernelImages.ELF_ENTRY - KernelImages.ELF_GPA, listing);
        return elf;
    }

    private static void place(byte[] file, int offset, String listing) {
        byte[] code = Listing.bytes(listing);
        System.arraycopy(code, 0, file, offset, code.length);
    }

    /** What the kernel wrote to ports 0x10, 0x11 and 0x12. */
    private static List<Integer> run(byte[] kernel) throws InterruptedException {
        Ports ports = new Ports();
        try (LoadingHarness guest = new LoadingHarness(32 << 20); Kvm kvm = Kvm.open(); Vm vm = kvm.createVm("boot")) {
            LoadedKernel loaded = guest.load(kernel, "abcd");
            vm.addMemory(guest.memory);
            Vcpu vcpu = vm.createVcpu(0, ports);
            vcpu.setCpuid(new GuestCpuid(kvm.supportedCpuid(), CpuTopology.ofCores(1), false).forCpu(0));
            BootRegisters.apply(loaded.state(), vcpu);
            vm.start();
            assertInstanceOf(StopCause.Halted.class, vm.await(PATIENCE));
        }
        return ports.written;
    }

    /** Notes the values of writes to three ports, in their order. */
    private static final class Ports implements ExitHandler {
        private final List<Integer> written = new ArrayList<>();

        @Override
        public long portRead(int port, int byteSize) {
            return -1;
        }

        @Override
        public void portWrite(int port, int byteSize, long value) {
            if (port != 0x10 + written.size()) {
                throw new AssertionError("port 0x" + Integer.toHexString(port));
            }
            written.add((int) value);
        }

        @Override
        public long mmioRead(long gpa, int byteSize) {
            return -1;
        }

        @Override
        public void mmioWrite(long gpa, int byteSize, long value) {
            throw new AssertionError("write to 0x" + Long.toHexString(gpa));
        }
    }
}
