// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/** Any descriptor table, with indirect tables, means what the slow reference says it means (virtio 1.3 §2.7.5). */
class ChainWalkerFuzzTest {

    private static final int SIZE_LOGS = 6;
    private static final int TABLE_ENTRIES = 48;
    private static final long[] BASES = {RingFixture.BUFFER_GPA, RingFixture.TABLE_GPA, RingFixture.DESC_GPA, 0,
        RingFixture.FIRST_REGION_END, RingFixture.FIRST_REGION_END - 0x100, RingFixture.APART_GPA,
        RingFixture.APART_GPA - 0x100, RingFixture.APART_END - 0x100, RingFixture.APART_END, 1L << 32,
        Long.MAX_VALUE - 0x100, Long.MIN_VALUE, -0x100};
    private static final RingFixture[] RINGS = new RingFixture[SIZE_LOGS];

    static Stream<byte[]> seeds() {
        Seed direct = header(3, true);
        descriptor(direct, false, 0, 0, 0, 16, 1, 1);
        descriptor(direct, false, 1, 0, 16, 512, 3, 2);
        descriptor(direct, false, 2, 0, 0x300, 1, 2, 0);
        Seed indirect = header(2, true);
        descriptor(indirect, false, 0, 1, 0, 48, 4, 0);
        descriptor(indirect, true, 0, 0, 0, 16, 1, 1);
        descriptor(indirect, true, 1, 6, 0, 4096, 3, 2);
        descriptor(indirect, true, 2, 0, 0, 1, 2, 0);
        Seed loop = header(2, false);
        descriptor(loop, false, 0, 0, 0, 16, 1, 1);
        descriptor(loop, false, 1, 0, 0, 0, 1, 0);
        Seed huge = header(1, true);
        descriptor(huge, false, 0, 3, 0, 0xffff_ffffL, 3, 1);
        descriptor(huge, false, 1, 11, 0x100, 0xffff_ffffL, 2, 0);
        return Stream.of(direct, indirect, loop, huge).map(Seed::bytes);
    }

    private static Seed header(int sizeLog, boolean indirect) {
        return new Seed().u8(sizeLog, indirect ? 1 : 0);
    }

    private static void descriptor(Seed seed, boolean inTable, int index, int base, int offset, long length, int flags,
                                   int next) {
        seed.u8(inTable ? 0x80 | index : index, base).u16(offset).u32(length).u8(flags, next);
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:endless")
    @Tag("class:length")
    void shouldMeanWhatTheReferenceSays(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        RingFixture ring = ring(input.below(SIZE_LOGS));
        boolean indirect = (input.u8() & 1) != 0;
        while (input.hasMore()) {
            int place = input.u8();
            long at = (place & 0x80) == 0 ? RingFixture.DESC_GPA + 16L * (place % ring.size)
                : RingFixture.TABLE_GPA + 16L * (place % TABLE_ENTRIES);
            ring.descriptorAt(at, input.among(BASES) + input.u16(), input.u32(), input.u8(), input.u8());
        }
        Virtqueue queue = ring.device(indirect ? RingFeatures.INDIRECT_DESC : 0);
        SlowSplitReference reference =
            new SlowSplitReference(ring.memory, ring.size, RingFixture.DESC_GPA, indirect);
        for (int head = 0; head < ring.size; head++) {
            ring.expose(head);
            SlowSplitReference.Outcome expected = reference.chain(head);
            DescriptorChain chain;
            try (Bounds _ = new Bounds()) {
                chain = queue.popChain();
            }
            assertEquals(expected.fault(), chain.fault());
            assertEquals(expected.elements(), RingFixture.elementsOf(chain));
            queue.addUsed(head, 0);
        }
    }

    /** One ring of each size for all inputs: making memory takes longer than an input does. */
    private static RingFixture ring(int sizeLog) {
        if (RINGS[sizeLog] == null) {
            RINGS[sizeLog] = new RingFixture(1 << sizeLog);
        }
        RINGS[sizeLog].low.asSlice(0, RingFixture.BUFFER_GPA).fill((byte) 0);
        RINGS[sizeLog].setAvailIdx(0);
        return RINGS[sizeLog];
    }
}
