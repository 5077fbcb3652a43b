// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static dev.miraflores.kvm.CpuidTable.EAX;
import static dev.miraflores.kvm.CpuidTable.EBX;
import static dev.miraflores.kvm.CpuidTable.ECX;
import static dev.miraflores.kvm.CpuidTable.EDX;

import dev.miraflores.bindings.kvm.kvm_abi;

/**
 * Makes a guest's CPUID out of what KVM supports: the host's features, the guest's own topology.
 * <p>KVM passes on what the host's leaves say of the host's cores and caches, or zeros; both would mislead a guest.
 * <p>Source: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E; Linux, Documentation/virt/kvm/x86/cpuid.rst.
 */
public final class GuestCpuid {
    static final int LEAF_FEATURES = 1;
    static final int LEAF_CACHES = 4;
    static final int LEAF_TOPOLOGY = 0xB;
    static final int LEAF_TOPOLOGY_V2 = 0x1F;
    static final int LEAF_EXTENDED_FEATURES = 0x8000_0001;
    static final int LEAF_SIZES = 0x8000_0008;
    static final int LEAF_AMD_CACHES = 0x8000_001D;
    static final int LEAF_AMD_TOPOLOGY = 0x8000_001E;
    static final int LEAF_AMD_TOPOLOGY_V2 = 0x8000_0026;
    static final int LEAF_KVM_SIGNATURE = kvm_abi.KVM_CPUID_SIGNATURE;
    static final int LEAF_KVM_FEATURES = kvm_abi.KVM_CPUID_FEATURES;

    // Leaf 1.
    static final int ECX_TSC_DEADLINE = 1 << 24;
    static final int ECX_OSXSAVE = 1 << 27;
    static final int ECX_HYPERVISOR = 1 << 31;
    static final int EDX_HTT = 1 << 28;

    // Leaf 0x8000_0001.
    static final int ECX_CMP_LEGACY = 1 << 1;
    static final int ECX_TOPOEXT = 1 << 22;

    // Leaves 0xB and 0x1F, ECX bits 15:8.
    private static final int LEVEL_THREAD = 1 << 8;
    private static final int LEVEL_CORE = 2 << 8;

    private final CpuidTable common;
    private final CpuTopology topology;
    private final boolean amd;

    /**
     * @param supported         from {@link Kvm#supportedCpuid()}; not changed
     * @param tscDeadlineTimer  whether the LAPIC in the kernel has that timer, which the table does not always say
     */
    public GuestCpuid(CpuidTable supported, CpuTopology topology, boolean tscDeadlineTimer) {
        this.common = supported.copy();
        this.topology = topology;
        this.amd = isAmd(supported);
        features(tscDeadlineTimer);
        caches(LEAF_CACHES);
        caches(LEAF_AMD_CACHES);
        sizes();
        paravirtual();
        // Nested levels that this topology does not have; absent, it reads as zeros, which is "not valid".
        common.remove(LEAF_AMD_TOPOLOGY_V2);
    }

    /** The answers of one CPU, numbered from 0. */
    public CpuidTable forCpu(int cpu) {
        CpuidTable table = common.copy();
        int apicId = topology.apicId(cpu);
        int features = table.find(LEAF_FEATURES);
        if (features >= 0) {
            table.setBits(features, EBX, 0xFF00_0000, apicId << 24);
        }
        extendedTopology(table, LEAF_TOPOLOGY, apicId);
        extendedTopology(table, LEAF_TOPOLOGY_V2, apicId);
        amdTopology(table, cpu, apicId);
        return table;
    }

    private void features(boolean tscDeadlineTimer) {
        int entry = common.find(LEAF_FEATURES);
        if (entry < 0) {
            return;
        }
        // Without the hypervisor bit a guest looks for no paravirtual clock, and calibrates against timers instead.
        int set = ECX_HYPERVISOR | (tscDeadlineTimer ? ECX_TSC_DEADLINE : 0);
        // OSXSAVE mirrors CR4.OSXSAVE: KVM sets it once the guest has.
        common.setBits(entry, ECX, set | ECX_OSXSAVE, set);
        int idsPerSocket = 1 << topology.socketShift();
        boolean several = topology.cpusPerSocket() > 1;
        common.setBits(entry, EBX, 0x00FF_0000, Math.min(idsPerSocket, 255) << 16);
        common.setBits(entry, EDX, EDX_HTT, several ? EDX_HTT : 0);
        int extended = common.find(LEAF_EXTENDED_FEATURES);
        if (amd && extended >= 0) {
            boolean cores = topology.coresPerSocket() > 1;
            common.setBits(extended, ECX, ECX_CMP_LEGACY, cores ? ECX_CMP_LEGACY : 0);
        }
    }

    /** Who shares which cache: Intel's leaf 4 and AMD's 0x8000_001D have these bits in common. */
    private void caches(int leaf) {
        for (int entry = 0; entry < common.size(); entry++) {
            if (common.function(entry) != leaf || (common.get(entry, EAX) & 0x1F) == 0) {
                continue; // type 0: no more caches
            }
            int level = common.get(entry, EAX) >>> 5 & 7;
            int sharedBits = level < 3 ? topology.threadBits() : topology.socketShift();
            common.setBits(entry, EAX, 0xFFF << 14, (1 << sharedBits) - 1 << 14);
            if (leaf == LEAF_CACHES) {
                int coreIds = 1 << topology.socketShift() - topology.threadBits();
                common.setBits(entry, EAX, 0x3F << 26, Math.min(coreIds - 1, 0x3F) << 26);
            }
        }
    }

    private void sizes() {
        int entry = common.find(LEAF_SIZES);
        if (entry >= 0 && amd) {
            int nc = Math.min(topology.cpusPerSocket(), 256) - 1;
            common.setBits(entry, ECX, 0xF0FF, Math.min(topology.socketShift(), 15) << 12 | nc);
        }
    }

    private void paravirtual() {
        if (common.find(LEAF_KVM_SIGNATURE) < 0) {
            common.add(LEAF_KVM_SIGNATURE, LEAF_KVM_FEATURES, 0x4B4D_564B, 0x564B_4D56, 0x4D); // "KVMKVMKVM"
        }
    }

    /** x2APIC id and widths of its fields; 0x1F says the same in a format with more kinds of levels. */
    private void extendedTopology(CpuidTable table, int leaf, int apicId) {
        if (table.find(leaf) < 0) {
            return;
        }
        table.remove(leaf);
        table.add(leaf, 0, topology.threadBits(), topology.threadsPerCore(), LEVEL_THREAD, apicId);
        table.add(leaf, 1, topology.socketShift(), topology.cpusPerSocket(), LEVEL_CORE | 1, apicId);
        table.add(leaf, 2, 0, 0, 2, apicId);
    }

    private void amdTopology(CpuidTable table, int cpu, int apicId) {
        int entry = table.find(LEAF_AMD_TOPOLOGY);
        if (entry < 0 || (table.valueOf(LEAF_EXTENDED_FEATURES, ECX) & ECX_TOPOEXT) == 0) {
            return;
        }
        int core = cpu / topology.threadsPerCore() % topology.coresPerSocket();
        int socket = cpu / topology.cpusPerSocket();
        table.set(entry, EAX, apicId);
        table.set(entry, EBX, topology.threadsPerCore() - 1 << 8 | core & 0xFF);
        table.set(entry, ECX, socket & 0xFF);
        table.set(entry, EDX, 0);
    }

    /** Whether the vendor is AMD or Hygon, who share these leaves. */
    private static boolean isAmd(CpuidTable table) {
        int vendor = table.valueOf(0, EBX);
        return vendor == 0x6874_7541 || vendor == 0x6F67_7948; // "Auth"enticAMD, "Hygo"nGenuine
    }
}
