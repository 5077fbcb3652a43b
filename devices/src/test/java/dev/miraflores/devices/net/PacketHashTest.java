// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** The Toeplitz hash, against the values of Microsoft's "Verifying the RSS Hash Calculation". */
class PacketHashTest {

    private static final byte[] KEY = HexFormat.of().parseHex(
        "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");
    private static final String ETHERNET = "525400123456525400abcdef";
    // From 66.9.149.187:2794 to 161.142.100.80:1766.
    private static final String IPV4_TCP = "0800" + "450000280000400040060000" + "420995bb" + "a18e6450" + "0aea06e6";
    private static final String IPV4_UDP = "0800" + "450000280000400040110000" + "420995bb" + "a18e6450" + "0aea06e6";
    // From 3ffe:2501:200:1fff::7 port 2794 to 3ffe:2501:200:3::1 port 1766.
    private static final String IPV6_TCP = "86dd" + "6000000000140640" + "3ffe250102001fff0000000000000007"
        + "3ffe2501020000030000000000000001" + "0aea06e6";

    private final PacketHash hash = new PacketHash();

    private void assertHash(int report, int value, int types, String packet) {
        byte[] bytes = HexFormat.of().parseHex(packet);
        hash.calculate(new HashConfig(types, KEY, false, 0, new int[1]), MemorySegment.ofArray(bytes), 0, bytes.length);
        assertEquals(report, hash.report(), packet);
        assertEquals(Integer.toHexString(value), Integer.toHexString(hash.value()), packet);
    }

    @Test
    void shouldBeWhatOthersCalculate() {
        assertHash(2, 0x51ccc178, 0x3f, ETHERNET + IPV4_TCP);
        assertHash(1, 0x323e8fc2, 1, ETHERNET + IPV4_TCP);
        assertHash(3, 0x51ccc178, 0x3f, ETHERNET + IPV4_UDP);
        assertHash(1, 0x323e8fc2, 3, ETHERNET + IPV4_UDP);
        assertHash(5, 0x40207d3d, 0x3f, ETHERNET + IPV6_TCP);
        assertHash(4, 0x2cc18cd5, 8, ETHERNET + IPV6_TCP);
        assertHash(4, 0x2cc18cd5, 8 | 32, ETHERNET + IPV6_TCP);
    }

    @Test
    void shouldLookBehindTags() {
        assertHash(2, 0x51ccc178, 0x3f, ETHERNET + "81000005" + IPV4_TCP);
        assertHash(2, 0x51ccc178, 0x3f, ETHERNET + "88a80007" + "81000005" + IPV4_TCP);
        assertHash(0, 0, 0x3f, ETHERNET + "81000005" + "81000005" + "81000005" + IPV4_TCP);
    }

    @Test
    void shouldHaveNoPortsOfFragments() {
        assertHash(1, 0x323e8fc2, 0x3f, ETHERNET + IPV4_TCP.replace("45000028" + "00004000", "45000028" + "00002000"));
        assertHash(1, 0x323e8fc2, 0x3f, ETHERNET + IPV4_TCP.replace("45000028" + "00004000", "45000028" + "00000001"));
    }

    @Test
    void shouldFindPortsBehindOptions() {
        assertHash(2, 0x51ccc178, 0x3f, ETHERNET + IPV4_TCP.replace("0800" + "45", "0800" + "46")
            .replace("a18e6450", "a18e6450" + "01010101"));
        // A header length that is none, and one behind the end.
        assertHash(1, 0x323e8fc2, 0x3f, ETHERNET + IPV4_TCP.replace("0800" + "45", "0800" + "44"));
        assertHash(1, 0x323e8fc2, 0x3f, ETHERNET + IPV4_TCP.replace("0800" + "45", "0800" + "4f"));
    }

    @Test
    void shouldHaveNoHashOfWhatIsCutShort() {
        String whole = ETHERNET + IPV4_TCP;
        for (int bytes = 0; bytes < 34; bytes++) {
            assertHash(0, 0, 0x3f, whole.substring(0, 2 * bytes));
        }
        for (int bytes = 34; bytes < 38; bytes++) {
            assertHash(1, 0x323e8fc2, 0x3f, whole.substring(0, 2 * bytes));
        }
        assertHash(0, 0, 0x3f, ETHERNET + "0806" + "0001080006040001");
        assertHash(0, 0, 0, whole);
        assertHash(0, 0, 0x3f, ETHERNET + IPV6_TCP.substring(0, 80));
    }

    @Test
    void shouldTakeAnyLengthOfKey() {
        byte[] bytes = HexFormat.of().parseHex(ETHERNET + IPV6_TCP);
        for (int length = 0; length <= KEY.length; length++) {
            hash.calculate(new HashConfig(0x3f, Arrays.copyOf(KEY, length), false, 0, new int[1]),
                MemorySegment.ofArray(bytes), 0, bytes.length);
            assertEquals(5, hash.report());
        }
        hash.calculate(new HashConfig(0x3f, new byte[0], false, 0, new int[1]), MemorySegment.ofArray(bytes), 0, bytes.length);
        assertEquals(0, hash.value());
    }
}
