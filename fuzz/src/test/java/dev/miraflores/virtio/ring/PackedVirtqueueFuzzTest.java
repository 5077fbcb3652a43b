// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** The device's side of a packed queue that a hostile driver has made and goes on changing (virtio 1.3 §2.8). */
class PackedVirtqueueFuzzTest {

    /** Available in the first round: AVAIL set, USED clear (§2.8.1). */
    private static final int AVAILABLE = 1 << 7;

    static Stream<byte[]> seeds() {
        Seed request = new Seed().u8(3).u16(7).u32(0x1000, 0x2000, 0x3000).u16(0x8000);
        request.u8(HostileQueue.DESCRIBE, 0).u64(0x4000).u32(16).u16(0, AVAILABLE | 1);
        request.u8(HostileQueue.DESCRIBE, 1).u64(0x10_0000).u32(0x1000).u16(3, AVAILABLE | 2);
        request.u8(HostileQueue.ENABLE, HostileQueue.POP, HostileQueue.USE, 0).u32(0x1000).u8(HostileQueue.NOTIFY);
        Seed indirect = new Seed().u8(2).u16(4).u32(0x1000, 0x2000, 0x3000).u16(0x8000);
        indirect.u8(HostileQueue.STORE).u32(0x4000).u8(15).u64(0x5000).u32(64).u16(0, 2);
        indirect.u8(HostileQueue.DESCRIBE, 0).u64(0x4000).u32(16).u16(1, AVAILABLE | 4);
        indirect.u8(HostileQueue.DRAIN);
        Seed endless = new Seed().u8(0).u16(1).u32(0x1000, 0x2000, 0x3000).u16(0x8000);
        endless.u8(HostileQueue.DESCRIBE, 0).u64(0).u32(0).u16(0, AVAILABLE | 1).u8(HostileQueue.DRAIN);
        return Stream.of(request, indirect, endless).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldKeepToItsPartsOfMemory(byte[] input) {
        new HostileQueue(true, input).run();
    }
}
