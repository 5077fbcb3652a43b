// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_debugregs;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_fpu;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_lapic_state;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_mp_state;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_regs;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_sregs;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_vcpu_events;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_xcrs;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_xsave;
import dev.miraflores.linux.ErrnoException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * All that a guest can change of a vCPU, as it was when this was made, to be put back when the machine is reset. A host that does
 * not have one of the lesser parts goes without.
 * <p>The order of putting back is that of what depends on what: a guest's own guest is left first, as its host's registers are
 * not taken while it runs; events end a stay in system management mode; the mode of the local APIC (in the special registers)
 * comes before its registers, and its timer before the register that arms it.
 * <p>Thread: one at a time, while the vCPU is out of the guest.
 * <p>Source: KVM API §4.11 to §4.14, §4.18, §4.31 (KVM_SET_VCPU_EVENTS), §4.33 to §4.45, §4.57, §4.115
 * (KVM_SET_NESTED_STATE).
 */
final class VcpuState {
    /** Where {@code struct kvm_nested_state} has its size, which is asked for with room for {@code size} bytes. */
    private static final long NESTED_SIZE_OFFSET = 4;

    /** One structure that KVM gives, and takes back with {@code set}. */
    private record Part(String name, long set, byte[] bytes) {

        void restore(Vcpu vcpu) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment struct = arena.allocate(bytes.length, Long.BYTES);
                MemorySegment.copy(bytes, 0, struct, ValueLayout.JAVA_BYTE, 0, bytes.length);
                int rc = vcpu.ioctl(set, struct);
                if (rc < 0) {
                    throw new ErrnoException("KVM_SET_" + name + "(" + vcpu.describe() + ")", -rc);
                }
            }
        }
    }

    private final List<Part> beforeMsrs = new ArrayList<>();
    private final List<Part> afterMsrs = new ArrayList<>();
    private final MsrState msrs;

    /**
     * @param xsaveBytes  of the registers that XSAVE saves; 0 where the host does not tell
     * @param nestedBytes at most, of what KVM knows of a guest's guests; 0 where it has none
     */
    VcpuState(Vcpu vcpu, MsrState msrs, int xsaveBytes, int nestedBytes) {
        this.msrs = msrs;
        Part events = optional(vcpu, "VCPU_EVENTS", kvm_abi.KVM_GET_VCPU_EVENTS, kvm_abi.KVM_SET_VCPU_EVENTS, kvm_vcpu_events.sizeof);
        add(beforeMsrs, nestedBytes == 0 ? null
                : optional(vcpu, "NESTED_STATE", kvm_abi.KVM_GET_NESTED_STATE, kvm_abi.KVM_SET_NESTED_STATE, nestedBytes));
        add(beforeMsrs, events);
        add(beforeMsrs, required(vcpu, "SREGS", kvm_abi.KVM_GET_SREGS, kvm_abi.KVM_SET_SREGS, kvm_sregs.sizeof));
        add(beforeMsrs, optional(vcpu, "DEBUGREGS", kvm_abi.KVM_GET_DEBUGREGS, kvm_abi.KVM_SET_DEBUGREGS, kvm_debugregs.sizeof));
        add(beforeMsrs, optional(vcpu, "XCRS", kvm_abi.KVM_GET_XCRS, kvm_abi.KVM_SET_XCRS, kvm_xcrs.sizeof));
        add(beforeMsrs, vectorRegisters(vcpu, xsaveBytes));
        add(beforeMsrs, optional(vcpu, "LAPIC", kvm_abi.KVM_GET_LAPIC, kvm_abi.KVM_SET_LAPIC, kvm_lapic_state.sizeof));
        // Once more: nothing that came in between is to be pending.
        add(afterMsrs, events);
        add(afterMsrs, required(vcpu, "MP_STATE", kvm_abi.KVM_GET_MP_STATE, kvm_abi.KVM_SET_MP_STATE, kvm_mp_state.sizeof));
        add(afterMsrs, required(vcpu, "REGS", kvm_abi.KVM_GET_REGS, kvm_abi.KVM_SET_REGS, kvm_regs.sizeof));
    }

    private static void add(List<Part> parts, Part part) {
        if (part != null) {
            parts.add(part);
        }
    }

    private static Part vectorRegisters(Vcpu vcpu, int xsaveBytes) {
        boolean large = xsaveBytes > kvm_xsave.sizeof;
        Part xsave = optional(vcpu, "XSAVE", large ? kvm_abi.KVM_GET_XSAVE2 : kvm_abi.KVM_GET_XSAVE, kvm_abi.KVM_SET_XSAVE,
                Math.max(xsaveBytes, kvm_xsave.sizeof));
        return xsave != null ? xsave : required(vcpu, "FPU", kvm_abi.KVM_GET_FPU, kvm_abi.KVM_SET_FPU, kvm_fpu.sizeof);
    }

    private static Part required(Vcpu vcpu, String name, long get, long set, long byteSize) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = arena.allocate(byteSize, Long.BYTES);
            int rc = vcpu.ioctl(get, struct);
            if (rc < 0) {
                throw new ErrnoException("KVM_GET_" + name + "(" + vcpu.describe() + ")", -rc);
            }
            return new Part(name, set, struct.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    /** Null where this KVM does not give it, or does not take back what it gives. */
    private static Part optional(Vcpu vcpu, String name, long get, long set, long byteSize) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = arena.allocate(byteSize, Long.BYTES);
            if (set == kvm_abi.KVM_SET_NESTED_STATE) {
                struct.set(ValueLayout.JAVA_INT, NESTED_SIZE_OFFSET, (int) byteSize);
            }
            return vcpu.ioctl(get, struct) < 0 || vcpu.ioctl(set, struct) < 0 ? null
                    : new Part(name, set, struct.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    /** What it consists of, without model-specific registers, by name; for tests. */
    Map<String, byte[]> parts() {
        Map<String, byte[]> all = new TreeMap<>();
        beforeMsrs.forEach(part -> all.put(part.name, part.bytes));
        afterMsrs.forEach(part -> all.put(part.name, part.bytes));
        return all;
    }

    MsrState msrs() {
        return msrs;
    }

    void restore(Vcpu vcpu) {
        // KVM does what INIT and start-up IPIs that are pending ask for before it answers: none comes after this.
        vcpu.multiprocessingState();
        beforeMsrs.forEach(part -> part.restore(vcpu));
        msrs.restore(vcpu);
        afterMsrs.forEach(part -> part.restore(vcpu));
    }
}
