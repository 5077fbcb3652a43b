// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Descriptors byte by byte, ACPI 6.3 §6.4; each expected value ends with the end tag. */
class ResourceTemplateTest {
    private final ResourceTemplate template = new ResourceTemplate();

    /** §6.4.2.5: decode 16 bits, minimum, maximum, alignment, length. */
    @Test
    void shouldWritePorts() {
        assertTemplate("47 01 F803 F803 01 08", template.io(0x3F8, 8));
    }

    /** §6.4.2.1: a bit for each ISA interrupt. */
    @Test
    void shouldWriteAnIsaInterrupt() {
        assertTemplate("22 1000", template.irq(4));
    }

    /** §6.4.3.4. */
    @Test
    void shouldWriteFixedMemory() {
        assertTemplate("86 0900 01 000000E0 00000010", template.memory32Fixed(0xE000_0000L, 0x1000_0000));
    }

    /** §6.4.3.6: bit 1 of the flags is the trigger, 0 for level. */
    @Test
    void shouldWriteInterruptsOfBothTriggers() {
        assertTemplate("89 0600 01 01 05000000 89 0600 03 01 06000000", template.interrupt(5, false).interrupt(6, true));
    }

    /** §6.4.3.5.3: type 2 is bus numbers; minimum and maximum fixed. */
    @Test
    void shouldWriteBusNumbers() {
        assertTemplate("88 0D00 02 0C 00 0000 0000 FF00 0000 0001", template.busNumbers(0, 255));
    }

    /** §6.4.3.5.3: type 1 is I/O. */
    @Test
    void shouldWriteARangeOfPorts() {
        assertTemplate("88 0D00 01 0C 03 0000 000D FFFF 0000 00F3", template.ioRange(0xD00, 0xFFFF));
    }

    /** §6.4.3.5.2. */
    @Test
    void shouldWriteMemoryBelow4GiB() {
        assertTemplate("87 1700 00 0C 01 00000000 000000C0 FFFFFFDF 00000000 00000020",
                template.memoryRange32(0xC000_0000L, 0xDFFF_FFFFL));
    }

    /** §6.4.3.5.1. */
    @Test
    void shouldWriteMemoryAbove4GiB() {
        assertTemplate("8A 2B00 00 0C 01 0000000000000000 0000000001000000 FFFFFFFF01000000 0000000000000000"
                + " 0000000001000000", template.memoryRange64(0x1_0000_0000L, 0x1_FFFF_FFFFL));
    }

    private static void assertTemplate(String hex, ResourceTemplate actual) {
        assertEquals(hex.replace(" ", "") + "7900", HexFormat.of().withUpperCase().formatHex(actual.toByteArray()));
    }
}
