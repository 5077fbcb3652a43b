// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.miraflores.bindings.kvm.kvm_msr_entry;
import dev.miraflores.bindings.kvm.kvm_msrs;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class MsrListTest {

    /** Intel SDM vol. 3, §12.11: one variable range makes the hole uncacheable, the rest is write-back. */
    @Test
    void shouldMakeMemoryWriteBackButForTheHole() {
        MsrList msrs = MsrList.ofFirmware(0xC000_0000L, 46);
        assertEquals(0x806, valueOf(msrs, MsrList.IA32_MTRR_DEF_TYPE));
        assertEquals(0xC000_0000L, valueOf(msrs, MsrList.IA32_MTRR_PHYSBASE0));
        assertEquals(0x3FFF_C000_0800L, valueOf(msrs, MsrList.IA32_MTRR_PHYSMASK0));
        assertEquals(1, valueOf(msrs, MsrList.IA32_MISC_ENABLE));
        assertThrows(IllegalArgumentException.class, () -> MsrList.ofFirmware(0xB000_0000L, 46));
    }

    private static long valueOf(MsrList msrs, int index) {
        for (int i = 0; i < msrs.size(); i++) {
            if (msrs.index(i) == index) {
                return msrs.value(i);
            }
        }
        throw new AssertionError("no MSR 0x" + Integer.toHexString(index));
    }

    /** KVM API §4.18. */
    @Test
    void shouldLayEntriesOutAsKvmDoes() {
        MsrList msrs = new MsrList();
        for (int i = 0; i < 9; i++) {
            msrs.add(0x10 + i, i);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = msrs.toNative(arena);
            assertEquals(9, kvm_msrs.nmsrs(struct));
            MemorySegment last = kvm_msr_entry.asSlice(struct.asSlice(8), 8);
            assertEquals(0x18, kvm_msr_entry.index(last));
            assertEquals(8, kvm_msr_entry.data(last));
            assertEquals(8, MsrList.value(struct, 8));
        }
        assertEquals("MSR 0x11 = 0x1", msrs.describe(1));
    }
}
