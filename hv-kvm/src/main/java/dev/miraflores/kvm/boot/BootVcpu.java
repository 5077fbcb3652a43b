// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import dev.miraflores.kvm.DescriptorTable;
import dev.miraflores.kvm.Registers;
import dev.miraflores.kvm.SegmentRegister;
import dev.miraflores.kvm.SpecialRegisters;
import dev.miraflores.kvm.Vcpu;

/** Puts the vCPU that boots into the state that its kernel expects. */
public final class BootVcpu {
    // Bit 1 of RFLAGS is always one.
    private static final long RFLAGS_RESERVED = 1L << 1;
    // Multiboot 1 §3.2 leaves the limit open; what a task switch would need, and no guest uses.
    private static final int TSS_LIMIT = 0x67;

    private BootVcpu() {
    }

    /** Replaces the registers of {@code vcpu}, which has its CPUID already and has not run. */
    public static void enter(Vcpu vcpu, BootState state) {
        SpecialRegisters special = vcpu.specialRegisters();
        Registers registers = new Registers().rflags(RFLAGS_RESERVED);
        SegmentRegister data = SegmentRegister.data(BootState.DATA_SELECTOR);
        special.ds(data).es(data).fs(data).gs(data).ss(data)
                .tr(SegmentRegister.task(BootState.TSS_SELECTOR, 0, TSS_LIMIT))
                .gdt(new DescriptorTable(BootState.GDT_GPA, BootState.GDT_BYTES - 1))
                .idt(new DescriptorTable(BootState.IDT_GPA, 0));
        switch (state) {
            case BootState.LongMode(long rip, long rsp, long rsi, long cr3) -> {
                special.cs(SegmentRegister.code64(BootState.CODE_SELECTOR))
                        .cr0(SpecialRegisters.CR0_PE | SpecialRegisters.CR0_MP | SpecialRegisters.CR0_ET
                                | SpecialRegisters.CR0_NE | SpecialRegisters.CR0_WP | SpecialRegisters.CR0_PG)
                        .cr3(cr3)
                        .cr4(SpecialRegisters.CR4_PAE)
                        .efer(SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA);
                registers.rip(rip).rsp(rsp).rsi(rsi);
            }
            case BootState.ProtectedMode(int eip, int eax, int ebx) -> {
                special.cs(SegmentRegister.code32(BootState.CODE_SELECTOR))
                        .cr0(SpecialRegisters.CR0_PE | SpecialRegisters.CR0_ET)
                        .cr4(0)
                        .efer(0);
                registers.rip(Integer.toUnsignedLong(eip)).rax(Integer.toUnsignedLong(eax))
                        .rbx(Integer.toUnsignedLong(ebx));
            }
        }
        vcpu.setSpecialRegisters(special);
        vcpu.setRegisters(registers);
    }
}
