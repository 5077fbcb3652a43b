// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever stands behind {@code --drive}: a drive that keeps its own rules, or a refusal in one line. */
class DriveConfigFuzzTest {

    static Stream<byte[]> seeds() {
        return Stream.of("file=disk.img", "disk.img", "file=a,,b.img,id=root,format=raw,if=virtio,cache=none",
                        "file=d,aio=io_uring,readonly=on,serial=S123,dataplane=on,queues=1,queue-size=512",
                        "file=d,throttling.iops-total=10", "file=d,queue-size=99999999999", "file=d,fromat=raw",
                        "file=d,cache=directsync,format=qcow2", "=,", "file=a\nb,x=1")
                .map(text -> text.getBytes(StandardCharsets.UTF_8));
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldReadOrRefuse(byte[] input) {
        String text = new String(input, StandardCharsets.UTF_8);
        try (Bounds _ = new Bounds()) {
            DriveConfig drive = DriveConfig.parse(text);
            assertFalse(drive.file().isEmpty());
            assertTrue(drive.serial().length() <= DriveConfig.SERIAL_BYTES);
            assertTrue(drive.queueSize() >= 2 && drive.queueSize() <= 1024);
        } catch (ConfigException e) {
            assertFalse(e.getMessage().chars().anyMatch(Character::isISOControl), e.getMessage());
        }
    }
}
