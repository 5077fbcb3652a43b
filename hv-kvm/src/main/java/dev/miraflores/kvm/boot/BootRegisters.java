// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import dev.miraflores.kvm.DescriptorTable;
import dev.miraflores.kvm.Registers;
import dev.miraflores.kvm.SegmentRegister;
import dev.miraflores.kvm.SpecialRegisters;
import dev.miraflores.kvm.Vcpu;

/** Puts a {@link BootState} into a vCPU that is as after reset. */
public final class BootRegisters {
    private static final long RFLAGS_RESERVED_ONE = 1 << 1;
    private static final int TSS_LIMIT = 0x67;

    private BootRegisters() {
    }

    /** Sets the general and the special registers. Thread: as {@link Vcpu#setRegisters}. */
    public static void apply(BootState state, Vcpu vcpu) {
        vcpu.setSpecialRegisters(special(state, vcpu.specialRegisters()));
        vcpu.setRegisters(general(state));
    }

    /**
     * Control registers, segments and descriptor tables. What the protocols ask for: Linux, "64-bit Boot Protocol";
     * PVH, docs/misc/pvh; Multiboot §3.2.
     *
     * @param registers the vCPU's, whose other fields are kept (the local APIC's address is one); changed
     */
    static SpecialRegisters special(BootState state, SpecialRegisters registers) {
        SegmentRegister data = SegmentRegister.data(BootState.DATA_SELECTOR);
        registers.ds(data).es(data).fs(data).gs(data).ss(data)
                .tr(SegmentRegister.task(BootState.TSS_SELECTOR, 0, TSS_LIMIT))
                .gdt(new DescriptorTable(BootState.GDT_GPA, BootState.GDT_BYTES - 1))
                .idt(new DescriptorTable(BootState.IDT_GPA, 0));
        long cr0 = SpecialRegisters.CR0_PE | SpecialRegisters.CR0_ET;
        if (state instanceof BootState.LongMode longMode) {
            return registers.cs(SegmentRegister.code64(BootState.CODE_SELECTOR))
                    .cr0(cr0 | SpecialRegisters.CR0_PG)
                    .cr3(longMode.cr3())
                    .cr4(SpecialRegisters.CR4_PAE)
                    .efer(SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA);
        }
        return registers.cs(SegmentRegister.code32(BootState.CODE_SELECTOR)).cr0(cr0).cr3(0).cr4(0).efer(0);
    }

    static Registers general(BootState state) {
        Registers registers = new Registers().rflags(RFLAGS_RESERVED_ONE);
        if (state instanceof BootState.LongMode longMode) {
            return registers.rip(longMode.rip()).rsp(longMode.rsp()).rsi(longMode.rsi());
        }
        BootState.ProtectedMode protectedMode = (BootState.ProtectedMode) state;
        return registers.rip(Integer.toUnsignedLong(protectedMode.eip()))
                .rax(Integer.toUnsignedLong(protectedMode.eax()))
                .rbx(Integer.toUnsignedLong(protectedMode.ebx()));
    }
}
