// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.vsock;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/** Any order of what a driver, a machine and the host's kernel may do to a socket device (virtio 1.3 §5.10). */
class VsockFuzzTest {

    static Stream<byte[]> seeds() {
        byte[] sends = {0, 10, 10, 9, 10, 9};
        byte[] pauses = {3, 0, 10, 4, 9, 3, 10, 10, 4, 9, 2, 0, 10, 9};
        byte[] breaks = {0, 10, 5, 1, 10, 2, 0, 10, 9, 6, 3, 0, 2, 0, 6, 11, 1, 0, 2, 0, 9};
        byte[] vectors = {0, 8, 0, 0, 10, 8, 1, 1, 2, 10, 9, 8, 0, 1, 4, 10, 9, 7, 0, 1};
        return Stream.of(sends, pauses, breaks, vectors);
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:lifetime")
    void shouldEndEveryLifeInGoodOrder(byte[] script) {
        VsockScript.play(script);
    }
}
