// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.linux.ErrnoException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.TreeSet;

/**
 * A vCPU's model-specific registers as they are before it runs, to be put back when it is reset: all that KVM lists as state,
 * and the memory types, which older kernels leave off their list.
 * <p>Left out is what KVM does not give or take back, what a guest cannot write (what VMX can do), and Hyper-V's registers,
 * which no guest has here and whose mere mention makes KVM allocate for them. The time stamp counter goes on: KVM takes a
 * zero, and only that, for the wish to have all CPUs' counters in step.
 * <p>Thread: one at a time; never changes.
 * <p>Source: KVM API §4.3 (KVM_GET_MSR_INDEX_LIST), §4.18, §4.19; Intel SDM vol. 4.
 */
final class MsrState {
    static final int IA32_TSC = 0x10;

    private static final int IA32_PAT = 0x277;
    private static final int MTRR_VARIABLE_FIRST = 0x200;
    private static final int MTRR_VARIABLE_LAST = 0x20F;
    private static final int[] MTRR_FIXED = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F};
    private static final int VMX_FIRST = 0x480;
    private static final int VMX_LAST = 0x4A0;
    private static final int HYPER_V_FIRST = 0x4000_0000;
    private static final int HYPER_V_LAST = 0x4000_01FF;

    private final MsrList values;

    private MsrState(MsrList values) {
        this.values = values;
    }

    /**
     * That of a first vCPU.
     *
     * @param listed what {@link Kvm#msrIndices} says
     */
    static MsrState of(Vcpu vcpu, int[] listed) {
        TreeSet<Integer> indices = new TreeSet<>();
        for (int index : listed) {
            indices.add(index);
        }
        for (int index = MTRR_VARIABLE_FIRST; index <= MTRR_VARIABLE_LAST; index++) {
            indices.add(index);
        }
        for (int index : MTRR_FIXED) {
            indices.add(index);
        }
        indices.add(MsrList.IA32_MTRR_DEF_TYPE);
        indices.add(IA32_PAT);
        MsrList wanted = new MsrList();
        for (int index : indices) {
            if (isState(index)) {
                wanted.add(index, 0);
            }
        }
        MsrList settable = passing(vcpu, kvm_abi.KVM_SET_MSRS, passing(vcpu, kvm_abi.KVM_GET_MSRS, wanted));
        return new MsrState(settable.add(IA32_TSC, 0));
    }

    /** That of another vCPU, of the same registers as {@code first}. */
    static MsrState of(Vcpu vcpu, MsrState first) {
        MsrList wanted = new MsrList();
        for (int i = 0; i < first.values.size() - 1; i++) {
            wanted.add(first.values.index(i), 0);
        }
        return new MsrState(passing(vcpu, kvm_abi.KVM_GET_MSRS, wanted).add(IA32_TSC, 0));
    }

    private static boolean isState(int index) {
        return index != IA32_TSC && !(index >= VMX_FIRST && index <= VMX_LAST)
                && !(index >= HYPER_V_FIRST && index <= HYPER_V_LAST);
    }

    /** Those of {@code list} that KVM does not refuse, with the values that it leaves. It stops at each that it refuses. */
    private static MsrList passing(Vcpu vcpu, long request, MsrList list) {
        MsrList passing = new MsrList();
        for (int from = 0; from < list.size(); ) {
            MsrList rest = list.from(from);
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment msrs = rest.toNative(arena);
                int done = vcpu.ioctl(request, msrs);
                if (done < 0) {
                    throw new ErrnoException("KVM_GET_MSRS(" + vcpu.describe() + ", " + rest.size() + " registers)", -done);
                }
                for (int i = 0; i < done; i++) {
                    passing.add(rest.index(i), MsrList.value(msrs, i));
                }
                from += done + 1;
            }
        }
        return passing;
    }

    MsrList values() {
        return values;
    }

    void restore(Vcpu vcpu) {
        vcpu.setMsrs(values);
    }
}
