// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.miraflores.bindings.kvm.kvm_cpuid2;
import dev.miraflores.bindings.kvm.kvm_cpuid_entry2;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class CpuidTableTest {

    @Test
    void shouldFindLeavesAndSubleaves() {
        CpuidTable table = new CpuidTable();
        table.add(1, 10, 11, 12, 13);
        table.add(4, 0, 20, 21, 22, 23);
        table.add(4, 1, 30, 31, 32, 33);
        assertEquals(0, table.find(1));
        assertEquals(0, table.find(1, 7)); // a leaf without subleaves answers any
        assertEquals(2, table.find(4, 1));
        assertEquals(1, table.find(4));
        assertEquals(-1, table.find(4, 2));
        assertEquals(-1, table.find(5));
        assertEquals(12, table.valueOf(1, CpuidTable.ECX));
        assertEquals(0, table.valueOf(5, CpuidTable.ECX));
        assertEquals(31, table.get(2, CpuidTable.EBX));
    }

    @Test
    void shouldRemoveAllSubleavesAndKeepTheOrder() {
        CpuidTable table = new CpuidTable();
        for (int i = 0; i < 30; i++) {
            table.add(i % 3, i, i, 0, 0, 0);
        }
        table.remove(1);
        assertEquals(20, table.size());
        assertEquals(-1, table.find(1));
        assertEquals(2, table.get(1, CpuidTable.EAX));
        assertEquals(29, table.get(19, CpuidTable.EAX));
        assertThrows(IndexOutOfBoundsException.class, () -> table.get(20, CpuidTable.EAX));
    }

    @Test
    void shouldNotShareWithItsCopy() {
        CpuidTable table = new CpuidTable();
        table.add(1, 1, 0, 0, 0);
        CpuidTable copy = table.copy();
        copy.set(0, CpuidTable.EAX, 2);
        copy.add(2, 0, 0, 0, 0);
        assertEquals(1, table.get(0, CpuidTable.EAX));
        assertEquals(1, table.size());
    }

    /** KVM API §4.20. */
    @Test
    void shouldLayEntriesOutAsKvmDoes() {
        CpuidTable table = new CpuidTable();
        table.add(0x8000_0001, 1, 2, 3, 4);
        table.add(0xB, 5, 6, 7, 8, 9);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment cpuid = table.toNative(arena);
            assertEquals(2, kvm_cpuid2.nent(cpuid));
            MemorySegment entries = cpuid.asSlice(8);
            MemorySegment first = kvm_cpuid_entry2.asSlice(entries, 0);
            assertEquals(0x8000_0001, kvm_cpuid_entry2.function(first));
            assertEquals(0, kvm_cpuid_entry2.flags(first));
            assertEquals(1, kvm_cpuid_entry2.eax(first));
            MemorySegment second = kvm_cpuid_entry2.asSlice(entries, 1);
            assertEquals(5, kvm_cpuid_entry2.index(second));
            assertEquals(1, kvm_cpuid_entry2.flags(second));
            assertEquals(9, kvm_cpuid_entry2.edx(second));
        }
    }

    @Test
    void shouldKnowTheWidthOfAddresses() {
        CpuidTable table = new CpuidTable();
        assertEquals(36, table.physicalAddressBits());
        table.add(0x8000_0008, 0x3030, 0, 0, 0);
        assertEquals(48, table.physicalAddressBits());
    }
}
