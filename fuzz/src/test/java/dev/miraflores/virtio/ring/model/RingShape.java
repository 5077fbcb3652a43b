// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.fuzz.Choices;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;

/**
 * Which queue a run is about: its features, its size, where it lies and where it starts.
 * <pre>  0x1000 descriptors  0x2000 driver area  0x3000 device area  0x4000 tables  0x8000 buffers   (size 256 at most)
 *   0x10_0000           0x8_0000            0x9_1000                                            (above, with 2 MiB) </pre>
 *
 * @param tidy whether the parts lie as above; else anywhere, also over each other and outside of memory
 */
record RingShape(long features, QueueGeometry geometry, int position, boolean tidy) {

    static final long TABLES_GPA = 0x4000;
    static final int TABLE_ENTRIES = 16;
    static final int TABLES = 32;
    static final long BUFFERS_GPA = 0x8000;
    static final long BUFFERS_END = 0x1_0000;
    static final long SMALL_BYTES = BUFFERS_END;
    static final long LARGE_BYTES = 2 << 20;
    private static final int SMALL_SIZE_LOG = 8;
    private static final int LARGE_SIZE_LOG = 15;

    static RingShape tidy(Choices choices, boolean packed, ModelMemory memory) {
        boolean large = memory.lowBytes >= LARGE_BYTES;
        int log = choices.below(1 + (large ? LARGE_SIZE_LOG : SMALL_SIZE_LOG));
        // Small queues wrap soon and are full often.
        log = choices.oneIn(2) ? log : Math.min(log, 4);
        int size = packed && !choices.oneIn(4) ? 1 + choices.below(1 << log) : 1 << log;
        QueueGeometry geometry = size <= 1 << SMALL_SIZE_LOG ? new QueueGeometry(size, 0x1000, 0x2000, 0x3000)
            : new QueueGeometry(size, 0x10_0000, 0x8_0000, 0x9_1000);
        return new RingShape(features(choices, packed), geometry, position(choices, packed, size), true);
    }

    static RingShape any(Choices choices, boolean packed) {
        long features = features(choices, packed);
        int size = choices.oneIn(4) ? (int) choices.number(2) : 1 << choices.below(1 + SMALL_SIZE_LOG);
        QueueGeometry geometry = new QueueGeometry(size, gpa(choices), gpa(choices), gpa(choices));
        return new RingShape(features, geometry, size == 0 ? 0 : position(choices, packed, size), false);
    }

    private static long gpa(Choices choices) {
        long base = choices.among(0, 0x1000, 0x2000, 0x3000, SMALL_BYTES - 0x40, SMALL_BYTES, ModelMemory.APART_GPA,
            ModelMemory.APART_GPA + ModelMemory.PAGE_BYTES - 0x40, Long.MIN_VALUE, -0x40L);
        return base + (choices.oneIn(8) ? choices.below(64) : 16 * choices.below(16));
    }

    private static long features(Choices choices, boolean packed) {
        return RingFeatures.VERSION_1 | (packed ? RingFeatures.RING_PACKED : 0)
            | choices.among(0, RingFeatures.EVENT_IDX) | choices.among(RingFeatures.INDIRECT_DESC, 0)
            | (choices.oneIn(4) ? RingFeatures.IN_ORDER : 0);
    }

    /** Indices that wrap soon, as a rule. */
    private static int position(Choices choices, boolean packed, int size) {
        if (packed) {
            return choices.below(size) & 0x7FFF | (choices.oneIn(2) ? 0x8000 : 0);
        }
        return choices.oneIn(4) ? choices.below(65536) : 65535 - choices.below(40);
    }

    boolean packed() {
        return ReferenceDevice.isPacked(features);
    }

    boolean has(long feature) {
        return (features & feature) != 0;
    }

    int size() {
        return geometry.size();
    }
}
