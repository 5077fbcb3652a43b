// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static dev.miraflores.kvm.CpuidTable.EAX;
import static dev.miraflores.kvm.CpuidTable.EBX;
import static dev.miraflores.kvm.CpuidTable.ECX;
import static dev.miraflores.kvm.CpuidTable.EDX;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** CPUID: Intel SDM vol. 2; AMD APM vol. 3, appendix E. */
class GuestCpuidTest {
    private static final int L1_DATA = 1 | 1 << 5;
    private static final int L3_UNIFIED = 3 | 3 << 5;

    /** A host of 64 cores with two threads each. */
    private static CpuidTable intel() {
        CpuidTable table = new CpuidTable();
        table.add(0, 0x1F, 0x756E_6547, 0x6C65_746E, 0x4965_6E69); // "GenuineIntel"
        table.add(1, 0x000A_0671, 0x55AA_0800, 1 << 27 | 1 << 21, 1 << 28 | 1 << 4);
        table.add(4, 0, 0xFC00_0000 | 1 << 14 | L1_DATA, 1, 2, 3);
        table.add(4, 1, 0xFC00_0000 | 127 << 14 | L3_UNIFIED, 1, 2, 3);
        table.add(4, 2, 0, 0, 0, 0);
        table.add(0xB, 0, 1, 2, 0x100, 0x55);
        table.add(0xB, 1, 7, 128, 0x201, 0x55);
        table.add(0x1F, 0, 1, 2, 0x100, 0x55);
        table.add(0x8000_0001, 0, 0, 1, 0);
        table.add(0x8000_0008, 0x302E, 0, 0, 0);
        table.add(0x4000_0000, 0x4000_0001, 0x4B4D_564B, 0x564B_4D56, 0x4D);
        table.add(0x4000_0001, 0x0100_7EFB, 0, 0, 0);
        return table;
    }

    private static CpuidTable amd() {
        CpuidTable table = new CpuidTable();
        table.add(0, 0x10, 0x6874_7541, 0x444D_4163, 0x6974_6E65); // "AuthenticAMD"
        table.add(1, 0x00A1_0F11, 0x0108_0800, 1 << 31, 1 << 4);
        table.add(0xB, 0, 0, 0, 0, 1);
        table.add(0x8000_0001, 0x00A1_0F11, 0, 1 << 22 | 1 << 8, 0);
        table.add(0x8000_0008, 0x3030, 0x5002_0005, 0x0000_7001, 0);
        table.add(0x8000_001D, 0, 1 << 14 | L1_DATA | 1 << 8, 0x01C0_003F, 0x3F, 0);
        table.add(0x8000_001D, 3, 15 << 14 | L3_UNIFIED | 1 << 8, 0x03C0_003F, 0x7FFF, 1);
        table.add(0x8000_001E, 0, 0, 0, 0);
        table.add(0x8000_0026, 0, 1, 2, 3, 4);
        return table;
    }

    @Test
    void shouldSayThatThereIsAHypervisor() {
        CpuidTable cpuid = new GuestCpuid(intel(), CpuTopology.ofCores(2), true).forCpu(1);
        int features = cpuid.valueOf(1, ECX);
        assertEquals(1 << 31, features & 1 << 31);
        assertEquals(1 << 24, features & 1 << 24, "TSC deadline");
        assertEquals(1 << 21, features & 1 << 21, "x2APIC stays");
        assertEquals(0, features & 1 << 27, "OSXSAVE is the guest's to switch on");
        assertEquals(0, new GuestCpuid(amd(), CpuTopology.ofCores(2), false).forCpu(0).valueOf(1, ECX) & 1 << 24);
        assertEquals(0x4B4D_564B, cpuid.valueOf(0x4000_0000, EBX));
        assertEquals(0x0100_7EFB, cpuid.valueOf(0x4000_0001, EAX));
    }

    @Test
    void shouldAddTheSignatureWhereKvmLeavesItToUs() {
        CpuidTable cpuid = new GuestCpuid(amd(), CpuTopology.ofCores(1), false).forCpu(0);
        assertEquals(0x4000_0001, cpuid.valueOf(0x4000_0000, EAX));
        assertEquals(0x4B4D_564B, cpuid.valueOf(0x4000_0000, EBX));
        assertEquals(0x564B_4D56, cpuid.valueOf(0x4000_0000, ECX));
        assertEquals(0x4D, cpuid.valueOf(0x4000_0000, EDX));
    }

    @Test
    void shouldDescribeCoresInLeaf1() {
        CpuidTable cpuid = new GuestCpuid(intel(), CpuTopology.ofCores(6), true).forCpu(5);
        assertEquals(5 << 24 | 8 << 16 | 0x0800, cpuid.valueOf(1, EBX));
        assertNotEquals(0, cpuid.valueOf(1, EDX) & 1 << 28);
        CpuidTable single = new GuestCpuid(intel(), CpuTopology.ofCores(1), true).forCpu(0);
        assertEquals(1 << 16 | 0x0800, single.valueOf(1, EBX));
        assertEquals(0, single.valueOf(1, EDX) & 1 << 28);
    }

    @Test
    void shouldShareTheLastCacheInASocketAndTheOthersInACore() {
        CpuidTable cpuid = new GuestCpuid(intel(), new CpuTopology(1, 4, 2), true).forCpu(3);
        assertEquals(3 << 26 | 1 << 14 | L1_DATA, cpuid.get(cpuid.find(4, 0), EAX));
        assertEquals(3 << 26 | 7 << 14 | L3_UNIFIED, cpuid.get(cpuid.find(4, 1), EAX));
        assertEquals(0, cpuid.get(cpuid.find(4, 2), EAX));
        assertEquals(2, cpuid.get(cpuid.find(4, 0), ECX), "the size stays");
    }

    @Test
    void shouldDescribeLevelsInLeavesBAnd1F() {
        CpuidTable cpuid = new GuestCpuid(intel(), new CpuTopology(2, 3, 2), true).forCpu(7);
        for (int leaf : new int[] {0xB, 0x1F}) {
            int threads = cpuid.find(leaf, 0);
            assertEquals(1, cpuid.get(threads, EAX));
            assertEquals(2, cpuid.get(threads, EBX));
            assertEquals(0x100, cpuid.get(threads, ECX));
            assertEquals(9, cpuid.get(threads, EDX));
            int cores = cpuid.find(leaf, 1);
            assertEquals(3, cpuid.get(cores, EAX));
            assertEquals(6, cpuid.get(cores, EBX));
            assertEquals(0x201, cpuid.get(cores, ECX));
            assertEquals(9, cpuid.get(cores, EDX));
            assertEquals(2, cpuid.get(cpuid.find(leaf, 2), ECX));
        }
        assertEquals(-1, new GuestCpuid(amd(), CpuTopology.ofCores(2), true).forCpu(0).find(0x1F));
    }

    @Test
    void shouldDescribeCoresAsAmdDoes() {
        CpuidTable cpuid = new GuestCpuid(amd(), CpuTopology.ofCores(4), true).forCpu(2);
        assertEquals(1 << 1, cpuid.valueOf(0x8000_0001, ECX) & 1 << 1, "CmpLegacy");
        assertEquals(2 << 12 | 3, cpuid.valueOf(0x8000_0008, ECX));
        assertEquals(0x3030, cpuid.valueOf(0x8000_0008, EAX));
        int topology = cpuid.find(0x8000_001E);
        assertEquals(2, cpuid.get(topology, EAX));
        assertEquals(2, cpuid.get(topology, EBX));
        assertEquals(0, cpuid.get(topology, ECX));
        assertEquals(0 << 14 | L1_DATA | 1 << 8, cpuid.get(cpuid.find(0x8000_001D, 0), EAX));
        assertEquals(3 << 14 | L3_UNIFIED | 1 << 8, cpuid.get(cpuid.find(0x8000_001D, 3), EAX));
        assertEquals(-1, cpuid.find(0x8000_0026));
    }

    @Test
    void shouldDescribeThreadsAsAmdDoes() {
        CpuidTable cpuid = new GuestCpuid(amd(), new CpuTopology(2, 2, 2), true).forCpu(7);
        int topology = cpuid.find(0x8000_001E);
        assertEquals(7, cpuid.get(topology, EAX));
        assertEquals(1 << 8 | 1, cpuid.get(topology, EBX));
        assertEquals(1, cpuid.get(topology, ECX));
    }

    @Test
    void shouldLeaveAmdsBitsAloneOnIntel() {
        CpuidTable cpuid = new GuestCpuid(intel(), CpuTopology.ofCores(4), true).forCpu(2);
        assertEquals(1, cpuid.valueOf(0x8000_0001, ECX));
        assertEquals(0, cpuid.valueOf(0x8000_0008, ECX));
    }

    @Property
    void shouldGiveEveryCpuItsApicId(
            @ForAll @IntRange(min = 1, max = 3) int sockets,
            @ForAll @IntRange(min = 1, max = 70) int cores,
            @ForAll @IntRange(min = 1, max = 2) int threads) {
        CpuTopology topology = new CpuTopology(sockets, cores, threads);
        GuestCpuid cpuid = new GuestCpuid(intel(), topology, true);
        for (int cpu = 0; cpu < topology.cpus(); cpu++) {
            CpuidTable table = cpuid.forCpu(cpu);
            assertEquals(topology.apicId(cpu) & 0xFF, table.valueOf(1, EBX) >>> 24);
            assertEquals(topology.apicId(cpu), table.get(table.find(0xB, 0), EDX));
            // A guest that takes the socket's number off the id finds the same for all CPUs of the socket.
            int shift = table.get(table.find(0xB, 1), EAX);
            assertEquals(cpu / (cores * threads), topology.apicId(cpu) >> shift);
            assertTrue(table.get(table.find(0xB, 1), EBX) <= 1 << shift);
        }
    }

    @Test
    void shouldNotChangeWhatItWasGiven() {
        CpuidTable supported = amd();
        CpuidTable before = supported.copy();
        new GuestCpuid(supported, CpuTopology.ofCores(3), true).forCpu(2);
        assertEquals(before.size(), supported.size());
        for (int entry = 0; entry < before.size(); entry++) {
            for (int register = EAX; register <= EDX; register++) {
                assertEquals(before.get(entry, register), supported.get(entry, register));
            }
        }
    }
}
