// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi.kvm_msr_entry;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_msrs;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Model-specific registers and values for them.
 * <p>Thread: one at a time.
 * <p>Source: KVM API §4.18 (KVM_GET_MSRS); Intel SDM vol. 4.
 */
public final class MsrList {
    public static final int IA32_MISC_ENABLE = 0x1A0;
    public static final int IA32_MTRR_PHYSBASE0 = 0x200;
    public static final int IA32_MTRR_PHYSMASK0 = 0x201;
    public static final int IA32_MTRR_DEF_TYPE = 0x2FF;

    private static final long MISC_FAST_STRINGS = 1;

    // Memory types and flags of the MTRRs (Intel SDM vol. 3, §12.11.2).
    private static final long MTRR_ENABLED = 1L << 11;
    private static final long MTRR_VALID = 1L << 11;
    private static final long UNCACHEABLE = 0;
    private static final long WRITE_BACK = 6;

    private int[] indices = new int[4];
    private long[] values = new long[4];
    private int size;

    /** An empty list. */
    public MsrList() {}

    /**
     * What firmware leaves on every CPU: all memory write-back, but for the part below 4 GiB that has no memory.
     *
     * @param holeStart           first address of that part, a power of two below 4 GiB
     * @param physicalAddressBits as CPUID says
     */
    public static MsrList ofFirmware(long holeStart, int physicalAddressBits) {
        long holeBytes = (1L << 32) - holeStart;
        if (Long.bitCount(holeBytes) != 1 || holeStart % holeBytes != 0) {
            throw new IllegalArgumentException("no MTRR covers 0x" + Long.toHexString(holeStart) + " up to 4 GiB");
        }
        long mask = (1L << physicalAddressBits) - 1 & -holeBytes;
        return new MsrList()
                .add(IA32_MISC_ENABLE, MISC_FAST_STRINGS)
                .add(IA32_MTRR_PHYSBASE0, holeStart | UNCACHEABLE)
                .add(IA32_MTRR_PHYSMASK0, mask | MTRR_VALID)
                .add(IA32_MTRR_DEF_TYPE, MTRR_ENABLED | WRITE_BACK);
    }

    /** Adds one; they are set in the order that they were added. */
    public MsrList add(int index, long value) {
        if (size == indices.length) {
            indices = Arrays.copyOf(indices, size * 2);
            values = Arrays.copyOf(values, size * 2);
        }
        indices[size] = index;
        values[size] = value;
        size++;
        return this;
    }

    /** How many there are. */
    public int size() {
        return size;
    }

    /** The register's index, of the entry at that place. */
    public int index(int entry) {
        return indices[entry];
    }

    /** The value for it. */
    public long value(int entry) {
        return values[entry];
    }

    /** Those from that place on, of which later changes here are not seen. */
    MsrList from(int entry) {
        MsrList rest = new MsrList();
        for (int i = entry; i < size; i++) {
            rest.add(indices[i], values[i]);
        }
        return rest;
    }

    String describe(int entry) {
        return "MSR 0x" + Integer.toHexString(indices[entry]) + " = 0x" + Long.toHexString(values[entry]);
    }

    /** As {@code struct kvm_msrs}. */
    MemorySegment toNative(Arena arena) {
        MemorySegment msrs = arena.allocate(kvm_msrs.sizeof + size * kvm_msr_entry.sizeof, Long.BYTES);
        msrs.set(ValueLayout.JAVA_INT, kvm_msrs.nmsrs, size);
        for (int i = 0; i < size; i++) {
            msrs.set(ValueLayout.JAVA_INT, at(i) + kvm_msr_entry.index, indices[i]);
            msrs.set(ValueLayout.JAVA_LONG, at(i) + kvm_msr_entry.data, values[i]);
        }
        return msrs;
    }

    static long value(MemorySegment msrs, int entry) {
        return msrs.get(ValueLayout.JAVA_LONG, at(entry) + kvm_msr_entry.data);
    }

    private static long at(int entry) {
        return kvm_msrs.entries + entry * kvm_msr_entry.sizeof;
    }
}
