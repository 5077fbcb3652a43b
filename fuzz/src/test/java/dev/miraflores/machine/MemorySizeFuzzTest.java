// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever stands behind {@code --memory}: a whole number of MiB, or a refusal in one line. */
class MemorySizeFuzzTest {

    static Stream<byte[]> seeds() {
        return Stream.of("512M", "1.5G", "1024", "4T", "0", "-1", "0.5K", "9223372036854775807", "8388608T", "1.M", ".5G")
                .map(text -> text.getBytes(StandardCharsets.UTF_8));
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldReadOrRefuse(byte[] input) {
        String text = new String(input, StandardCharsets.UTF_8);
        try (Bounds _ = new Bounds()) {
            long bytes = MemorySize.parse("--memory", text);
            assertTrue(bytes > 0 && bytes % MemorySize.UNIT == 0, text + " is " + bytes);
        } catch (ConfigException e) {
            assertFalse(e.getMessage().chars().anyMatch(Character::isISOControl), e.getMessage());
        }
    }
}
