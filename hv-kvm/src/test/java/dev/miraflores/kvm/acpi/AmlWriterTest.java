// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HexFormat;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class AmlWriterTest {
    private final AmlWriter aml = new AmlWriter();

    /** ACPI 6.3 §20.2.3: the constant operators, then the shortest prefix that holds the value. */
    @Test
    void shouldWriteIntegersInTheirShortestForm() {
        aml.integer(0).integer(1).integer(2).integer(0xFF).integer(0x100).integer(0x1_0000);
        aml.integer(0x1_0000_0000L).integer(-1);

        assertBytes("00 01 0A02 0AFF 0B0001 0C00000100 0E0000000001000000 0EFFFFFFFFFFFFFFFF");
    }

    /** §20.2.2: segments are padded with '_', two have a prefix, more than two a count. */
    @Test
    void shouldWriteNamesWithTheirPrefixes() {
        aml.path("A").path("\\_SB").path("^^PCI0").path("\\_SB.PCI0").path("A.B2.C").path("\\");

        assertBytes("415F5F5F 5C5F53425F 5E5E50434930 5C2E5F53425F50434930 2F03415F5F5F42325F5F435F5F5F 5C00");
    }

    @Test
    void shouldRefuseNamesThatAreNone() {
        for (String name : new String[] {"TOOLONG", "1AB", "aB", "A..B", "A.", ".A", "^\\A", "A B"}) {
            assertThrows(IllegalArgumentException.class, () -> new AmlWriter().path(name), name);
        }
    }

    /** The value that ACPI 6.3 §19.3.4 works out for PNP0501 is 0x0105D041. */
    @Test
    void shouldPackEisaIds() {
        aml.eisaId("PNP0501").eisaId("PNP0A08");

        assertBytes("0C41D00501 0C41D00A08");
    }

    @Test
    void shouldRefuseEisaIdsThatAreNone() {
        for (String id : new String[] {"PNP050", "PNP05011", "pNP0501", "PN10501", "PNP05G1"}) {
            assertThrows(IllegalArgumentException.class, () -> new AmlWriter().eisaId(id), id);
        }
    }

    /** §19.6.142: aabbccdd-eeff-gghh-iijj-kkllmmnnoopp becomes dd cc bb aa ff ee hh gg ii jj kk ll mm nn oo pp. */
    @Test
    void shouldSwapTheFirstGroupsOfUuids() {
        aml.uuid("00112233-4455-6677-8899-AABBCCDDEEFF");

        assertBytes("1113 0A10 33221100 5544 7766 8899 AABBCCDDEEFF");
        String[] others = {"0011223-34455-6677-8899-AABBCCDDEEFF", "00112233-4455-6677-8899-AABBCCDDEEFF0", "0"};
        for (String text : others) {
            assertThrows(IllegalArgumentException.class, () -> new AmlWriter().uuid(text), text);
        }
    }

    @Test
    void shouldWriteStringsWithTheirEnd() {
        aml.string("ab");

        assertBytes("0D616200");
        assertThrows(IllegalArgumentException.class, () -> new AmlWriter().string("\u00fc"));
    }

    @Test
    void shouldCountTheLengthOfNestedTerms() {
        aml.scope("\\_SB").device("COM1").name("_UID").integer(1).end().end();

        assertBytes("10 13 5C5F53425F 5B82 0B 434F4D31 08 5F554944 01");
    }

    @Test
    void shouldWriteAMethodWithABranch() {
        aml.serializedMethod("M", 2)
                .when().notEqual().arg(0).integer(1).store().arg(1).local(7).end()
                .otherwise().returns().integer(0).end()
                .end();

        assertBytes("14 13 4D5F5F5F 0A A0 08 92 93 68 01 70 69 67 A1 03 A4 00");
    }

    @Test
    void shouldRefuseAnUnbalancedProgram() {
        assertThrows(IllegalStateException.class, () -> new AmlWriter().end());
        assertThrows(IllegalStateException.class, () -> new AmlWriter().scope("\\").toByteArray());
    }

    /** §20.2.4: the length counts its own one to four bytes; whoever reads it must end exactly where the body does. */
    @Property(tries = 300)
    void shouldEncodeLengthsThatDecodeToTheirBody(@ForAll @IntRange(max = 1 << 21) int contentBytes) {
        byte[] term = new AmlWriter().buffer(new byte[contentBytes]).toByteArray();

        assertEquals(0x11, term[0]);
        assertEquals(term.length - 1, decodeLength(term, 1));
    }

    @Test
    void shouldEncodeLengthsAtTheEdgesOfEachForm() {
        for (int bodyBytes : new int[] {62, 63, 4093, 4094, (1 << 20) - 4, (1 << 20) - 3}) {
            AmlWriter writer = new AmlWriter().packageOf(1);            // a count of one byte, then the rest as strings
            writer.string("x".repeat(bodyBytes - 3));
            byte[] term = writer.end().toByteArray();

            assertEquals(term.length - 1, decodeLength(term, 1), bodyBytes + " bytes");
        }
    }

    private static int decodeLength(byte[] term, int at) {
        int following = (term[at] & 0xFF) >>> 6;
        if (following == 0) {
            return term[at] & 0x3F;
        }
        int length = term[at] & 0xF;
        for (int i = 1; i <= following; i++) {
            length |= (term[at + i] & 0xFF) << 8 * i - 4;
        }
        return length;
    }

    private void assertBytes(String hex) {
        assertArrayEquals(HexFormat.of().parseHex(hex.replace(" ", "")), aml.toByteArray());
    }
}
