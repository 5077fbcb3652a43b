// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.fuzz.Chance;
import dev.miraflores.fuzz.Choices;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.DriverFault;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Another thread stores one of two values in each word of the descriptors, over and over, while the device reads them.
 * A device that loads each word once, and uses what it checked, finds what the model finds in some still memory of the
 * same words; one that looks twice finds more than that.
 */
class ChangingDescriptorsTest {

    private static final int SIZE = 4;
    private static final int ENTRIES = 3;
    private static final int COURSES = 16;
    private static final long COURSE_NS = 50_000_000;
    private static final long MOST_NS = 2_000_000_000;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(SIZE, 0x1000, 0x2000, 0x3000);
    private static final VarHandle WORD =
        ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle().withInvokeExactBehavior();

    /** A word of 8 bytes and the two values that it takes turns at. */
    private record Word(long gpa, long one, long other) {
    }

    private final ModelMemory memory = new ModelMemory(RingShape.SMALL_BYTES);
    private final MemorySegment low = memory.guest.slice(0, RingShape.SMALL_BYTES);

    @ParameterizedTest
    @ValueSource(longs = {0, RingFeatures.RING_PACKED})
    @Tag("class:queue-frozen")
    void shouldFindWhatStoodThereAtOneTime(long packed) throws InterruptedException {
        long features = packed | RingFeatures.INDIRECT_DESC;
        int found = 0;
        try (memory) {
            for (long seed = 0; seed < COURSES; seed++) {
                found += new Course(features, words(new Chance(seed), packed != 0)).run();
            }
        }
        int different = found;
        assertTrue(found > COURSES, () -> different + ": hardly anything changed under the device's eyes");
    }

    /** No way leads back in a table, so that no word is due twice. */
    private static List<Word> words(Choices choices, boolean packed) {
        List<Word> words = new ArrayList<>();
        for (int i = 0; i < SIZE - 1; i++) {
            add(words, choices, packed, GEOMETRY.descGpa() + 16L * i, i, SIZE);
        }
        for (int i = 0; i < ENTRIES - 1; i++) {
            add(words, choices, packed, RingShape.TABLES_GPA + 16L * i, i, ENTRIES);
        }
        return words;
    }

    private static void add(List<Word> words, Choices choices, boolean packed, long at, int index, int entries) {
        words.add(new Word(at, address(choices), address(choices)));
        words.add(new Word(at + 8, rest(choices, packed, index, entries), rest(choices, packed, index, entries)));
    }

    private static long address(Choices choices) {
        return choices.among(RingShape.TABLES_GPA, RingShape.BUFFERS_GPA, RingShape.BUFFERS_GPA + 0x100,
            RingShape.BUFFERS_GPA + 0x200, RingShape.BUFFERS_GPA + 0x300, choices.oneIn(4) ? 1L << 40 : 0x100);
    }

    private static long rest(Choices choices, boolean packed, int index, int entries) {
        long length = choices.among(16L * ENTRIES, 16L * ENTRIES, 16, 32, choices.oneIn(8) ? 0xFFFF_FFFFL : 17);
        long flags = choices.among(1, 1, 1, 1, 3, 0, 4, 4);
        if (packed) {
            return length | choices.below(SIZE + 1) * (1L << 32) | (flags | (choices.oneIn(8) ? 0 : 1 << 7)) << 48;
        }
        return length | flags << 32 | (long) (index + 1 + choices.below(entries - index)) << 48;
    }

    private final class Course {
        private final long features;
        private final List<Word> words;
        private final Set<List<Element>> buffers = new HashSet<>();
        private final Set<DriverFault> faults = EnumSet.noneOf(DriverFault.class);
        private boolean mayBeEmpty;
        private final Set<Object> found = new HashSet<>();

        Course(long features, List<Word> words) {
            this.features = features;
            this.words = words;
        }

        /** Answers how many different things the device found. */
        int run() throws InterruptedException {
            memory.clear();
            // The last descriptor and the last entry stay: a list has an end.
            memory.driverStores(GEOMETRY.descGpa() + 16L * (SIZE - 1) + 14, 2, isPacked() ? 1 << 7 : 0);
            memory.driverStores(GEOMETRY.driverGpa() + 2, 2, isPacked() ? 0 : 1);
            for (long assignment = 0; assignment < 1L << words.size(); assignment++) {
                for (int i = 0; i < words.size(); i++) {
                    Word word = words.get(i);
                    memory.deviceStores(word.gpa, 8, (assignment >>> i & 1) != 0 ? word.other : word.one);
                }
                learn(ReferenceDevice.of(memory, GEOMETRY, features, Virtqueue.freshPosition(features)).pop());
            }
            words.forEach(word -> WORD.setOpaque(low, word.gpa, word.one));
            AtomicBoolean stop = new AtomicBoolean();
            Thread driver = new Thread(() -> change(stop));
            driver.start();
            try {
                int possible = buffers.size() + faults.size() + (mayBeEmpty ? 1 : 0);
                long start = System.nanoTime();
                // On a busy host the other thread may not run for a while.
                for (long ns = 0; ns < (found.size() < Math.min(2, possible) ? MOST_NS : COURSE_NS);
                        ns = System.nanoTime() - start) {
                    pop();
                }
            } finally {
                stop.set(true);
                driver.join();
            }
            return found.size();
        }

        private boolean isPacked() {
            return ReferenceDevice.isPacked(features);
        }

        private void learn(Outcome outcome) {
            switch (outcome) {
                case Outcome.Nothing _ -> mayBeEmpty = true;
                case Outcome.Ended(DriverFault fault) -> faults.add(fault);
                case Outcome.Buffer(int _, Set<DriverFault> broken, List<Element> elements) -> {
                    faults.addAll(broken);
                    if (broken.isEmpty()) {
                        buffers.add(elements);
                    }
                }
            }
        }

        private void change(AtomicBoolean stop) {
            Chance chance = new Chance(words.hashCode());
            while (!stop.get()) {
                Word word = words.get(chance.below(words.size()));
                WORD.setOpaque(low, word.gpa, chance.oneIn(2) ? word.one : word.other);
            }
        }

        private void pop() {
            Virtqueue device = Virtqueue.create(memory.guest, GEOMETRY, features);
            DescriptorChain chain = device.popChain();
            if (chain == null || chain.fault() != null) {
                DriverFault fault = chain == null ? device.fault() : chain.fault();
                assertTrue(fault == null ? mayBeEmpty : faults.contains(fault), () -> fault + " in no still memory");
                found.add(String.valueOf(fault));
                return;
            }
            List<Element> elements = Element.of(chain);
            assertTrue(buffers.contains(elements), () -> elements + " in no still memory");
            found.add(elements);
            long bytes = 0;
            for (int i = 0; i < chain.count(); i++) {
                bytes += chain.length(i);
            }
            assertEquals(bytes, chain.readableBytes() + chain.writableBytes());
        }
    }
}
