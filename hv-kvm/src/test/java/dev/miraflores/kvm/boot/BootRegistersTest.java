// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.kvm.Registers;
import dev.miraflores.kvm.SpecialRegisters;
import org.junit.jupiter.api.Test;

class BootRegistersTest {
    private static final BootState LONG = new BootState.LongMode(0x100_0200, 0x9000, 0x7000, 0x9000);
    private static final BootState PROTECTED = new BootState.ProtectedMode(0xFFF0_0000, 0x2BAD_B002, 0x1_0000);

    /** Linux x86 boot protocol, "64-bit Boot Protocol": paging on, CS 0x10 of 64 bits, DS 0x18, interrupts off. */
    @Test
    void shouldEnterLongModeWithPaging() {
        SpecialRegisters special = BootRegisters.special(LONG, new SpecialRegisters().apicBase(0xFEE0_0900L));
        Registers general = BootRegisters.general(LONG);

        assertEquals(0x8000_0011L, special.cr0());
        assertEquals(0x20, special.cr4());
        assertEquals(0x9000, special.cr3());
        assertEquals(0x500, special.efer());
        assertTrue(special.cs().longMode());
        assertEquals(0x10, special.cs().selector());
        assertEquals(0x18, special.ss().selector());
        assertEquals(0xFEE0_0900L, special.apicBase(), "is not the loader's to change");
        assertEquals(0x100_0200, general.rip());
        assertEquals(0x7000, general.rsi());
        assertEquals(0x9000, general.rsp());
        assertEquals(2, general.rflags());
    }

    /** Multiboot 0.6.96 §3.2, and the PVH ABI: flat 32-bit segments, CR0.PE without paging, EFLAGS.IF clear. */
    @Test
    void shouldEnterProtectedModeWithoutPaging() {
        SpecialRegisters special = BootRegisters.special(PROTECTED, new SpecialRegisters());
        Registers general = BootRegisters.general(PROTECTED);

        assertEquals(0x11, special.cr0());
        assertEquals(0, special.cr4());
        assertEquals(0, special.efer());
        assertFalse(special.cs().longMode());
        assertTrue(special.cs().defaultBig());
        assertEquals(-1, special.cs().limit());
        assertEquals(0x67, special.tr().limit());
        assertEquals(0xFFF0_0000L, general.rip(), "zero-extended");
        assertEquals(0x2BAD_B002, general.rax());
        assertEquals(0x1_0000, general.rbx());
        assertEquals(2, general.rflags());
    }
}
