// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.linux.ErrnoException;
import java.util.HexFormat;

/** Writes {@link CrashReport}s. Runs on the vCPU's thread, outside of the guest. */
final class CrashReporter {
    private static final int CODE_BYTES = 16;
    private static final long PAGE_MASK = 4095;
    private static final HexFormat HEX = HexFormat.of();

    private final Vcpu vcpu;
    private final VcpuRun run;
    private final StringBuilder out = new StringBuilder(1024);

    private CrashReporter(Vcpu vcpu, VcpuRun run) {
        this.vcpu = vcpu;
        this.run = run;
    }

    /** Of the exit that {@code run} shows. */
    static CrashReport ofExit(Vcpu vcpu, VcpuRun run) {
        CrashReporter reporter = new CrashReporter(vcpu, run);
        return new CrashReport(vcpu.cpu(), "vCPU " + vcpu.cpu() + ": " + reporter.exit(), reporter.state());
    }

    /** Of a failure that is not the guest's. */
    static CrashReport ofFailure(Vcpu vcpu, VcpuRun run, Throwable failure) {
        CrashReporter reporter = new CrashReporter(vcpu, run);
        return new CrashReport(vcpu.cpu(), "vCPU " + vcpu.cpu() + ": " + failure, reporter.state());
    }

    private String exit() {
        int reason = run.exitReason();
        String name = ExitReason.name(reason);
        return switch (reason) {
            case kvm_abi.KVM_EXIT_SHUTDOWN -> name + " (triple fault)";
            case kvm_abi.KVM_EXIT_FAIL_ENTRY ->
                name + ", reason 0x" + Long.toHexString(run.entryFailureReason()) + ", on host CPU " + run.entryFailureCpu();
            case kvm_abi.KVM_EXIT_UNKNOWN -> name + ", hardware reason 0x" + Long.toHexString(run.hardwareExitReason());
            case kvm_abi.KVM_EXIT_INTERNAL_ERROR -> name + ", " + internalError();
            case kvm_abi.KVM_EXIT_SYSTEM_EVENT -> name + ", " + ExitReason.systemEventName(run.systemEventType());
            default -> name;
        };
    }

    private String internalError() {
        int suberror = run.internalSuberror();
        StringBuilder text = new StringBuilder(ExitReason.internalErrorName(suberror)).append(" (").append(suberror).append(')');
        byte[] instruction = run.emulationFailureBytes();
        if (instruction.length > 0) {
            text.append(", instruction bytes ").append(HexFormat.ofDelimiter(" ").formatHex(instruction));
        }
        int count = run.internalDataCount();
        for (int i = 0; i < count; i++) {
            text.append(i == 0 ? ", data" : "").append(" 0x").append(Long.toHexString(run.internalData(i)));
        }
        return text.toString();
    }

    private String state() {
        try {
            Registers regs = vcpu.registers();
            SpecialRegisters sregs = vcpu.specialRegisters();
            general(regs);
            special(sregs);
            code(regs, sregs);
        } catch (ErrnoException e) {
            out.append("no registers: ").append(e.getMessage()).append('\n');
        }
        return out.toString();
    }

    private void general(Registers r) {
        line("rip", r.rip(), "rflags", r.rflags());
        line("rax", r.rax(), "rbx", r.rbx(), "rcx", r.rcx(), "rdx", r.rdx());
        line("rsi", r.rsi(), "rdi", r.rdi(), "rbp", r.rbp(), "rsp", r.rsp());
        line("r8", r.r8(), "r9", r.r9(), "r10", r.r10(), "r11", r.r11());
        line("r12", r.r12(), "r13", r.r13(), "r14", r.r14(), "r15", r.r15());
    }

    private void special(SpecialRegisters s) {
        line("cr0", s.cr0(), "cr2", s.cr2(), "cr3", s.cr3(), "cr4", s.cr4());
        line("efer", s.efer(), "apic", s.apicBase());
        segment("cs", s.cs());
        segment("ss", s.ss());
        segment("ds", s.ds());
        segment("es", s.es());
        segment("fs", s.fs());
        segment("gs", s.gs());
        segment("tr", s.tr());
        segment("ldt", s.ldt());
        table("gdt", s.gdt());
        table("idt", s.idt());
    }

    private void line(Object... namesAndValues) {
        for (int i = 0; i < namesAndValues.length; i += 2) {
            String name = (String) namesAndValues[i];
            out.append(i == 0 ? "" : "  ");
            name(name).append(HEX.toHexDigits((long) namesAndValues[i + 1]));
        }
        out.append('\n');
    }

    /** In a column of names, most of which have up to four letters. */
    private StringBuilder name(String name) {
        return out.append(name).append(" ".repeat(Math.max(1, 4 - name.length())));
    }

    private void segment(String name, SegmentRegister s) {
        name(name).append(HEX.toHexDigits((short) s.selector()))
                .append("  base ").append(HEX.toHexDigits(s.base()))
                .append("  limit ").append(HEX.toHexDigits(s.limit()))
                .append("  type ").append(Integer.toHexString(s.type()))
                .append(s.codeOrData() ? " s" : " system")
                .append(" dpl ").append(s.privilege())
                .append(s.present() ? " present" : "")
                .append(s.longMode() ? " 64-bit" : s.defaultBig() ? " 32-bit" : " 16-bit")
                .append(s.unusable() ? " unusable" : "")
                .append('\n');
    }

    private void table(String name, DescriptorTable t) {
        name(name).append("      base ").append(HEX.toHexDigits(t.base()))
                .append("  limit ").append(HEX.toHexDigits((short) t.limit())).append('\n');
    }

    /** The bytes at rip, as far as the guest's page tables lead to memory. */
    private void code(Registers regs, SpecialRegisters sregs) {
        boolean longMode = (sregs.efer() & SpecialRegisters.EFER_LMA) != 0 && sregs.cs().longMode();
        long linear = longMode ? regs.rip() : sregs.cs().base() + regs.rip() & 0xFFFF_FFFFL;
        out.append("code");
        int shown = 0;
        while (shown < CODE_BYTES) {
            long at = linear + shown;
            int count = (int) Math.min(CODE_BYTES - shown, PAGE_MASK + 1 - (at & PAGE_MASK));
            long gpa = vcpu.translate(at);
            byte[] bytes = new byte[count];
            if (gpa == Vcpu.NOT_MAPPED || !vcpu.vm().readMemory(gpa, bytes)) {
                out.append(shown == 0 ? " not readable at linear address 0x" + Long.toHexString(linear) : "");
                break;
            }
            for (byte b : bytes) {
                out.append(' ').append(HEX.toHexDigits(b));
            }
            shown += count;
        }
        out.append('\n');
    }
}
