// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.vhost;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/** Any order of what a driver, an operator, a machine and the host's kernel may do to a NIC that the kernel serves. */
class VhostNetFuzzTest {

    static Stream<byte[]> seeds() {
        byte[] sends = {0, 9, 0, 9, 0, 8, 0, 7, 1, 9, 1, 8, 1, 7, 0, 9, 0, 7, 1, 9, 1};
        byte[] stops = {3, 0, 9, 0, 3, 8, 0, 4, 9, 0, 4, 2, 0, 9, 0, 8, 0};
        byte[] breaks = {0, 7, 1, 5, 1, 2, 0, 6, 0, 3, 2, 0, 6, 1, 15, 7, 1, 2, 0, 9, 0};
        return Stream.of(sends, stops, breaks);
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:lifetime")
    void shouldEndEveryLifeInGoodOrder(byte[] script) {
        VhostNetScript.play(script);
    }
}
