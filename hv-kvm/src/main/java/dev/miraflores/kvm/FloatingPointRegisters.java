// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi.kvm_fpu;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A vCPU's x87 registers: a copy, taken with {@link Vcpu#floatingPointRegisters()} and put back with
 * {@link Vcpu#setFloatingPointRegisters}.
 * <p>Thread: one at a time.
 * <p>Left out: MXCSR, which KVM neither gives nor takes here, and all wider registers.
 * <p>Source: KVM API §4.18 (KVM_GET_FPU).
 */
public final class FloatingPointRegisters {
    private final MemorySegment fpu = MemorySegment.ofArray(new long[(int) (kvm_fpu.sizeof / Long.BYTES)]);

    /** All zero. */
    public FloatingPointRegisters() {}

    /** As {@code struct kvm_fpu}, on the heap. */
    MemorySegment segment() {
        return fpu;
    }

    /** The x87 control word. */
    public int controlWord() {
        return fpu.get(ValueLayout.JAVA_SHORT, kvm_fpu.fcw) & 0xFFFF;
    }

    /** Changes the x87 control word. */
    public FloatingPointRegisters controlWord(int value) {
        fpu.set(ValueLayout.JAVA_SHORT, kvm_fpu.fcw, (short) value);
        return this;
    }
}
