// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import dev.miraflores.bindings.kvm.kvm_abi;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_cpuid2;
import dev.miraflores.bindings.kvm.kvm_abi.kvm_cpuid_entry2;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.Ioctl;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * What the CPUID instruction answers, as a list of entries to look up and change.
 * <p>An entry is named by its place, 0 to {@link #size()} − 1, which a removal changes. Registers are the names
 * {@link #EAX} to {@link #EDX}. An entry is kept as KVM lays it out:
 * <pre>  0   u32     function   the leaf
 *   4   u32     index      the subleaf, if flags says that it counts
 *   8   u32     flags      KVM_CPUID_FLAG_SIGNIFCANT_INDEX
 *   12  u32[4]  eax, ebx, ecx, edx
 *   28  u32[3]  padding </pre>
 * <p>Thread: one at a time.
 * <p>Source: KVM API §4.20 (KVM_SET_CPUID2), §4.46 (KVM_GET_SUPPORTED_CPUID).
 */
public final class CpuidTable {
    public static final int EAX = 0;
    public static final int EBX = 1;
    public static final int ECX = 2;
    public static final int EDX = 3;

    private static final int ENTRY_INTS = (int) (kvm_cpuid_entry2.sizeof / Integer.BYTES);
    private static final int FUNCTION = (int) (kvm_cpuid_entry2.function / Integer.BYTES);
    private static final int INDEX = (int) (kvm_cpuid_entry2.index / Integer.BYTES);
    private static final int FLAGS = (int) (kvm_cpuid_entry2.flags / Integer.BYTES);
    private static final int REGISTERS = (int) (kvm_cpuid_entry2.eax / Integer.BYTES);

    // More than any host has shown so far; a host with more answers E2BIG and is asked again.
    private static final int FIRST_GUESS = 256;
    private static final int MOST = 1 << 16;

    private int[] words;
    private int size;

    /** A table without entries. */
    public CpuidTable() {
        this(new int[0], 0);
    }

    private CpuidTable(int[] words, int size) {
        this.words = words;
        this.size = size;
    }

    /** What KVM can give a guest on this host. */
    static CpuidTable supportedBy(int kvmFd) {
        for (int capacity = FIRST_GUESS; ; capacity *= 2) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment cpuid = arena.allocate(kvm_cpuid2.sizeof + capacity * kvm_cpuid_entry2.sizeof, 8);
                cpuid.set(ValueLayout.JAVA_INT, kvm_cpuid2.nent, capacity);
                int rc = Ioctl.call(kvmFd, kvm_abi.KVM_GET_SUPPORTED_CPUID, cpuid);
                if (rc >= 0) {
                    int size = cpuid.get(ValueLayout.JAVA_INT, kvm_cpuid2.nent);
                    int[] words = new int[size * ENTRY_INTS];
                    MemorySegment.copy(cpuid, ValueLayout.JAVA_INT, kvm_cpuid2.entries, words, 0, words.length);
                    return new CpuidTable(words, size);
                }
                if (rc != -Errno.E2BIG || capacity >= MOST) {
                    throw new ErrnoException("KVM_GET_SUPPORTED_CPUID(nent=" + capacity + ")", -rc);
                }
            }
        }
    }

    /** As {@code struct kvm_cpuid2}. */
    MemorySegment toNative(Arena arena) {
        MemorySegment cpuid = arena.allocate(kvm_cpuid2.sizeof + size * kvm_cpuid_entry2.sizeof, 8);
        cpuid.set(ValueLayout.JAVA_INT, kvm_cpuid2.nent, size);
        MemorySegment.copy(words, 0, cpuid, ValueLayout.JAVA_INT, kvm_cpuid2.entries, size * ENTRY_INTS);
        return cpuid;
    }

    /** A table of its own with the same entries. */
    public CpuidTable copy() {
        return new CpuidTable(Arrays.copyOf(words, size * ENTRY_INTS), size);
    }

    /** Number of entries. */
    public int size() {
        return size;
    }

    /** The leaf that the entry answers. */
    public int function(int entry) {
        return words[at(entry) + FUNCTION];
    }

    /** The subleaf that the entry answers; any where the leaf has no subleaves. */
    public int index(int entry) {
        return words[at(entry) + INDEX];
    }

    /** A register of the entry. */
    public int get(int entry, int register) {
        return words[at(entry) + REGISTERS + register];
    }

    /** Changes a register of the entry. */
    public void set(int entry, int register, int value) {
        words[at(entry) + REGISTERS + register] = value;
    }

    /** Replaces the bits of a register that {@code mask} has. */
    void setBits(int entry, int register, int mask, int bits) {
        set(entry, register, get(entry, register) & ~mask | bits & mask);
    }

    /** The place of a leaf's first entry, or −1. */
    public int find(int function) {
        return find(function, 0, 0);
    }

    /** The place of the entry for a subleaf, or −1. */
    public int find(int function, int index) {
        return find(function, index, kvm_abi.KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
    }

    private int find(int function, int index, int flags) {
        for (int entry = 0; entry < size; entry++) {
            int at = at(entry);
            boolean indexMatters = (words[at + FLAGS] & flags) != 0;
            if (words[at + FUNCTION] == function && (!indexMatters || words[at + INDEX] == index)) {
                return entry;
            }
        }
        return -1;
    }

    /** A register of a leaf, or 0 where the table lacks the leaf, as the instruction answers. */
    public int valueOf(int function, int register) {
        int entry = find(function);
        return entry < 0 ? 0 : get(entry, register);
    }

    /** Adds an entry for a leaf without subleaves. */
    public void add(int function, int eax, int ebx, int ecx, int edx) {
        append(function, 0, 0, eax, ebx, ecx, edx);
    }

    /** Adds an entry for a subleaf. */
    public void add(int function, int index, int eax, int ebx, int ecx, int edx) {
        append(function, index, kvm_abi.KVM_CPUID_FLAG_SIGNIFCANT_INDEX, eax, ebx, ecx, edx);
    }

    private void append(int function, int index, int flags, int eax, int ebx, int ecx, int edx) {
        if ((size + 1) * ENTRY_INTS > words.length) {
            words = Arrays.copyOf(words, (size + 8) * ENTRY_INTS);
        }
        int at = size * ENTRY_INTS;
        Arrays.fill(words, at, at + ENTRY_INTS, 0);
        words[at + FUNCTION] = function;
        words[at + INDEX] = index;
        words[at + FLAGS] = flags;
        words[at + REGISTERS + EAX] = eax;
        words[at + REGISTERS + EBX] = ebx;
        words[at + REGISTERS + ECX] = ecx;
        words[at + REGISTERS + EDX] = edx;
        size++;
    }

    /** Removes all entries of a leaf; the guest then reads zeros. */
    public void remove(int function) {
        int kept = 0;
        for (int entry = 0; entry < size; entry++) {
            if (words[entry * ENTRY_INTS + FUNCTION] != function) {
                System.arraycopy(words, entry * ENTRY_INTS, words, kept * ENTRY_INTS, ENTRY_INTS);
                kept++;
            }
        }
        size = kept;
    }

    /** Bits in a physical address: leaf 0x8000_0008, or 36 where a CPU lacks it (Intel SDM vol. 3, §4.1.4). */
    public int physicalAddressBits() {
        int bits = valueOf(0x8000_0008, EAX) & 0xFF;
        return bits == 0 ? 36 : bits;
    }

    private int at(int entry) {
        if (entry < 0 || entry >= size) {
            throw new IndexOutOfBoundsException("entry " + entry + " of " + size);
        }
        return entry * ENTRY_INTS;
    }
}
