// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi.kvm_regs;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A vCPU's general registers: a copy, taken with {@link Vcpu#registers()} and put back with
 * {@link Vcpu#setRegisters}.
 * <p>Thread: one at a time.
 * <p>Source: KVM API §4.11 (KVM_GET_REGS).
 */
public final class Registers {
    private final MemorySegment regs = MemorySegment.ofArray(new long[(int) (kvm_regs.sizeof / Long.BYTES)]);

    /** All zero: no state to run from. */
    public Registers() {}

    /** As {@code struct kvm_regs}, on the heap. */
    MemorySegment segment() {
        return regs;
    }

    public long rax() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rax);
    }

    public Registers rax(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rax, value);
        return this;
    }

    public long rbx() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rbx);
    }

    public Registers rbx(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rbx, value);
        return this;
    }

    public long rcx() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rcx);
    }

    public Registers rcx(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rcx, value);
        return this;
    }

    public long rdx() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rdx);
    }

    public Registers rdx(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rdx, value);
        return this;
    }

    public long rsi() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rsi);
    }

    public Registers rsi(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rsi, value);
        return this;
    }

    public long rdi() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rdi);
    }

    public Registers rdi(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rdi, value);
        return this;
    }

    public long rsp() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rsp);
    }

    public Registers rsp(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rsp, value);
        return this;
    }

    public long rbp() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rbp);
    }

    public Registers rbp(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rbp, value);
        return this;
    }

    public long r8() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.r8);
    }

    public Registers r8(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.r8, value);
        return this;
    }

    public long r9() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.r9);
    }

    public Registers r9(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.r9, value);
        return this;
    }

    public long r10() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.r10);
    }

    public Registers r10(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.r10, value);
        return this;
    }

    public long r11() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.r11);
    }

    public Registers r11(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.r11, value);
        return this;
    }

    public long r12() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.r12);
    }

    public Registers r12(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.r12, value);
        return this;
    }

    public long r13() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.r13);
    }

    public Registers r13(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.r13, value);
        return this;
    }

    public long r14() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.r14);
    }

    public Registers r14(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.r14, value);
        return this;
    }

    public long r15() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.r15);
    }

    public Registers r15(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.r15, value);
        return this;
    }

    public long rip() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rip);
    }

    public Registers rip(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rip, value);
        return this;
    }

    public long rflags() {
        return regs.get(ValueLayout.JAVA_LONG, kvm_regs.rflags);
    }

    public Registers rflags(long value) {
        regs.set(ValueLayout.JAVA_LONG, kvm_regs.rflags, value);
        return this;
    }
}
