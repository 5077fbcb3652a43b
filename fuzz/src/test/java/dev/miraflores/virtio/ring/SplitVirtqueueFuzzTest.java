// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** The device's side of a split queue that a hostile driver has made and goes on changing (virtio 1.3 §2.7). */
class SplitVirtqueueFuzzTest {

    static Stream<byte[]> seeds() {
        Seed request = HostileQueue.seed(8, 3);
        request.u8(HostileQueue.DESCRIBE, 0).u64(0x4000).u32(16).u16(1, 1);
        request.u8(HostileQueue.DESCRIBE, 1).u64(0x10_0000).u32(0x1000).u16(2, 0);
        request.u8(HostileQueue.ENABLE, HostileQueue.EXPOSE, 0, HostileQueue.POP, HostileQueue.USE, 0).u32(0x1000);
        request.u8(HostileQueue.NOTIFY, HostileQueue.EXPOSE, 1, HostileQueue.DRAIN);
        Seed jump = HostileQueue.seed(4, 0);
        jump.u8(HostileQueue.STORE).u32(0x2002).u8(1).u16(5).u8(HostileQueue.DRAIN, HostileQueue.ENABLE);
        Seed wrap = new Seed().u8(1).u16(2).u32(0x1000, 0x1_0ff0, 0x3000).u16(0xffff);
        wrap.u8(HostileQueue.EXPOSE, 1, HostileQueue.DRAIN, HostileQueue.DISABLE);
        Seed atTheEnd = new Seed().u8(2).u16(256).u32(0xf000, 0x10_0000, 0x1_0000).u16(0);
        return Stream.of(request, jump, wrap, atTheEnd).map(Seed::bytes);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldKeepToItsPartsOfMemory(byte[] input) {
        new HostileQueue(false, input).run();
    }
}
