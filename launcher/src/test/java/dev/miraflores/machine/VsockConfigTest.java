// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VsockConfigTest {

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"cid=3|3", "guest-cid=42|42", "cid=4294967294|4294967294"})
    void shouldReadTheContextId(String text, long cid) {
        assertEquals(new VsockConfig(cid), VsockConfig.parse(text));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "cid=2|--vsock cid=2: reserved, or none; use one from 3 to 4294967294",
        "cid=4294967295|--vsock cid=4294967295: reserved, or none; use one from 3 to 4294967294",
        "cid=-1|--vsock cid=-1: reserved, or none; use one from 3 to 4294967294",
        "cid=x|--vsock cid=x: 'x' is no number; use one from 3 on",
        "cid=5,guest-cid=5|--vsock cid=5,guest-cid=5: cid and guest-cid are the same; leave one",
        "cid=5,port=1|--vsock cid=5,port=1: no key 'port'; use cid",
        "5|--vsock 5: no id is named; use cid=N, N being from 3 on"})
    void shouldSayWhatIsWrong(String text, String message) {
        assertEquals(message, assertThrows(ConfigException.class, () -> VsockConfig.parse(text)).getMessage());
    }

    @Property
    void anyTextIsReadOrRefusedInOneLine(@ForAll String text) {
        try {
            assertTrue(VsockConfig.parse(text).cid() > 2);
        } catch (ConfigException e) {
            assertFalse(e.getMessage().chars().anyMatch(Character::isISOControl), e.getMessage());
        }
    }
}
