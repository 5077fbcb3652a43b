// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.machine.ConfigException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where monitors are. */
class MonitorAddressTest {

    private static final String CHOICE = "stdio, unix:PATH or tcp:127.0.0.1:PORT";

    @ParameterizedTest
    @ValueSource(strings = {"unix:/run/a", "unix:/run/a,server=on,wait=off", "unix:/run/a,server,nowait"})
    void shouldTakeQemusSpellings(String text) {
        assertEquals(Path.of("/run/a"), MonitorAddress.parse("--qmp", text, CHOICE).path());
    }

    @Test
    void shouldLeaveOtherCommasToThePath() {
        assertEquals(Path.of("/run/a,b"), MonitorAddress.parse("--qmp", "unix:/run/a,b,wait=off", CHOICE).path());
    }

    @Test
    void shouldTakeLoopbackAlone() {
        assertEquals(9100, MonitorAddress.parse("--metrics", "tcp:127.0.0.1:9100", CHOICE).tcp().getPort());
        assertTrue(MonitorAddress.parse("--metrics", "tcp:9100", CHOICE).tcp().getAddress().isLoopbackAddress());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "unix:                | no path is named; use unix:PATH",
        "unix:/a,wait=on      | wait=on is not built: hv listens, and waits for nobody; leave it out",
        "tcp:0.0.0.0:1        | 0.0.0.0 is not this host's loopback address",
        "tcp:127.0.0.1:x      | not an address; use tcp:127.0.0.1:PORT",
        "tcp:127.0.0.1:99999  | not an address; use tcp:127.0.0.1:PORT",
        "pty                  | not built; use stdio, unix:PATH or tcp:127.0.0.1:PORT",
        "stdio:x              | not built; use"})
    void shouldRefuseTheRest(String text, String why) {
        String message = assertThrows(ConfigException.class, () -> MonitorAddress.parse("--qmp", text, CHOICE)).getMessage();
        assertTrue(message.startsWith("--qmp " + text + ": " + why), message);
    }
}
