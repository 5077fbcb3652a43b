// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumSet;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Whatever stands in the tables, a chain is what the slow reference says, or has the fault it says (§2.7.5). */
class SplitChainPropertyTest {

    private static final long[] ADDRESSES = {0, 1, 8, RingFixture.TABLE_GPA, RingFixture.TABLE_GPA + 8,
        RingFixture.DESC_GPA, RingFixture.BUFFER_GPA, RingFixture.FIRST_REGION_END - 16,
        RingFixture.FIRST_REGION_END - 1, RingFixture.FIRST_REGION_END, RingFixture.APART_GPA - 1,
        RingFixture.APART_GPA, RingFixture.APART_END - 16, RingFixture.APART_END - 1, RingFixture.APART_END,
        1L << 32, Long.MAX_VALUE, Long.MIN_VALUE, -1, -16, -4096};
    private static final long[] LENGTHS = {0, 1, 2, 15, 16, 17, 32, 48, 64, 128, 256, 4096, 0x1_0000, 0x4_0000,
        0x10_0000, 0x10_0010, 0x7FFF_FFFFL, 0x8000_0000L, 0xFFFF_FFF0L, 0xFFFF_FFFFL};
    private static final int[] FLAGS = {0, 1, 2, 3, 1, 3, 1, 3, 4, 4, 6, 5, 7, 0x80, 0xFFF8};

    @Property(tries = 4000)
    void everyTableMeansWhatTheReferenceSays(@ForAll long seed, @ForAll @IntRange(max = 4) int sizeLog) {
        assertSame(seed, sizeLog, EnumSet.noneOf(DriverFault.class));
    }

    /** The generator reaches every fault that a chain can have but the one that takes 4 GiB. */
    @Test
    void shouldReachEveryFault() {
        Set<DriverFault> seen = EnumSet.noneOf(DriverFault.class);
        for (long seed = 0; seed < 3000; seed++) {
            assertSame(seed, (int) (seed % 5), seen);
        }
        for (DriverFault fault : DriverFault.values()) {
            assertTrue(seen.contains(fault) || fault.endsQueue() || fault == DriverFault.CHAIN_TOO_LARGE,
                () -> fault + " was never met");
        }
    }

    private static void assertSame(long seed, int sizeLog, Set<DriverFault> seen) {
        Random random = new Random(seed);
        int size = 1 << sizeLog;
        // Few broken rules at a time, so that chains get far.
        int wildness = random.nextInt(100);
        try (RingFixture ring = new RingFixture(size)) {
            for (int i = 0; i < size; i++) {
                randomDescriptor(ring, random, RingFixture.DESC_GPA + 16L * i, size, wildness);
            }
            for (int i = 0; i < 40; i++) {
                randomDescriptor(ring, random, RingFixture.TABLE_GPA + 16L * i, random.nextBoolean() ? 4 : 16, wildness);
            }
            boolean indirect = random.nextInt(8) != 0;
            Virtqueue queue = ring.device(indirect ? RingFeatures.INDIRECT_DESC : 0);
            SlowSplitReference reference = new SlowSplitReference(ring.memory, size, RingFixture.DESC_GPA, indirect);
            for (int head = 0; head < size; head++) {
                SlowSplitReference.Outcome expected = reference.chain(head);
                ring.expose(head);
                DescriptorChain chain = queue.popChain();
                assertNotNull(chain);
                assertEquals(head, chain.head());
                assertEquals(expected.fault(), chain.fault(), () -> "seed " + seed);
                assertEquals(expected.elements(), RingFixture.elementsOf(chain), () -> "seed " + seed);
                if (chain.fault() != null) {
                    seen.add(chain.fault());
                }
                queue.addUsed(head, 0);
            }
        }
    }

    private static void randomDescriptor(RingFixture ring, Random random, long at, int entries, int wildness) {
        boolean wild = random.nextInt(100) < wildness;
        long gpa = wild ? ADDRESSES[random.nextInt(ADDRESSES.length)] + random.nextInt(3) - 1
            : random.nextInt(4) == 0 ? RingFixture.TABLE_GPA : RingFixture.BUFFER_GPA + random.nextInt(4096);
        long length = wild ? LENGTHS[random.nextInt(LENGTHS.length)] : 16L * (1 + random.nextInt(16));
        int flags = random.nextInt(100) < wildness / 4 ? random.nextInt(0x1_0000) : FLAGS[random.nextInt(FLAGS.length)];
        int next = random.nextInt(100) < wildness / 4 ? random.nextInt(0x1_0000) : random.nextInt(entries + 1);
        ring.descriptorAt(at, gpa, length, flags, next);
    }
}
