// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.IoThreadCounter;
import dev.miraflores.devices.testkit.LogLines;
import dev.miraflores.devices.virtio.DeviceEvents;
import dev.miraflores.devices.virtio.DeviceQueue;
import dev.miraflores.devices.virtio.VirtioActivation;
import dev.miraflores.linux.EventFd;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What a disk makes the host spend does not grow with what its driver does: the driver starts it again and again with rings of
 * anything, and resets it whatever is in flight.
 */
@NeedsIoUring
class HostileDriverLimitsTest {

    private static final int WARM_UP = 300;
    private static final int ROUNDS = 1200;
    private static final int SIZE = 64;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(SIZE, 0x1000, 0x2000, 0x3000);
    private static final int HEADERS = 0x4000;
    private static final int MEMORY_BYTES = 1 << 20;
    /** The JVM's own: its heap as far as it is in use, its compilers, their stacks. The slots of all rounds are more than twice that. */
    private static final long NATIVE_BYTES = 32L << 20;
    private static final long HEAP_BYTES = 4L << 20;
    /** The lines of two whiles: the test may begin in one and end in the next. */
    private static final int LOG_LINES = 10;

    private final GuestMemory memory = GuestMemory.anonymous(MEMORY_BYTES);
    private final MemorySegment ram = memory.regions().getFirst().segment();
    private final EventFd kick = EventFd.create();
    private final Random random = new Random(1);
    private final VirtioBlockDevice disk = VirtioBlockDevice.open(
        BlockDeviceConfig.nothing("hostile").queueSize(SIZE).nullBytes(1 << 20).build());

    @AfterEach
    void close() {
        disk.close();
        kick.close();
        memory.close();
    }

    @Test
    @Tag("class:memory")
    void shouldStayFlat() throws IOException {
        try (LogLines log = new LogLines("dev.miraflores")) {
            for (int round = 0; round < WARM_UP; round++) {
                attack();
            }
            Spent before = Spent.now();
            for (int round = 0; round < ROUNDS; round++) {
                attack();
            }
            Spent after = Spent.now();
            assertEquals(before.descriptors(), after.descriptors());
            assertTrue(after.threads() <= before.threads() + 4, before + ", then " + after);
            assertTrue(after.nativeBytes() <= before.nativeBytes() + NATIVE_BYTES, before + ", then " + after);
            assertTrue(after.heapBytes() <= before.heapBytes() + HEAP_BYTES, before + ", then " + after);
            long events = eventsOfARing();
            assertTrue(events < 10, events + " events of one ring of the doorbell");
            assertTrue(!log.lines().isEmpty() && log.lines().size() <= LOG_LINES, log.lines()::toString);
        }
        assertTrue(disk.counters(0).requests().get(BlockCounter.READS) > 0);
        assertTrue(disk.counters(0).requests().get(BlockCounter.MALFORMED) > 0);
    }

    private void attack() {
        fill();
        start(RingFeatures.VERSION_1 | (random.nextBoolean() ? RingFeatures.EVENT_IDX : 0)
            | (random.nextBoolean() ? RingFeatures.INDIRECT_DESC : 0));
        int idx = 0;
        for (int kicks = random.nextInt(4); kicks >= 0; kicks--) {
            idx += random.nextInt(30) == 0 ? random.nextInt(0x10000) : random.nextInt(20);
            ram.set(ValueLayout.JAVA_SHORT, GEOMETRY.driverGpa() + 2, (short) idx);
            kick.signal();
            if (random.nextBoolean()) {
                disk.thread().call(() -> { });
            }
        }
        disk.reset();
    }

    private void start(long features) {
        Virtqueue ring = Virtqueue.create(memory, GEOMETRY, features);
        disk.activate(new VirtioActivation(features, memory,
            List.of(new DeviceQueue(0, ring, kick, () -> { })), new IgnoredEvents()));
    }

    /** Those of a few messages included. */
    private long eventsOfARing() {
        ram.asSlice(GEOMETRY.driverGpa(), 0x2000).fill((byte) 0);
        start(RingFeatures.VERSION_1);
        disk.thread().call(() -> { });
        long before = disk.thread().counters().get(IoThreadCounter.EVENTS);
        kick.signal();
        disk.thread().call(() -> { });
        disk.thread().call(() -> { });
        long events = disk.thread().counters().get(IoThreadCounter.EVENTS) - before;
        disk.reset();
        return events;
    }

    /** Descriptors of anything, every fourth beginning as a request does. */
    private void fill() {
        ram.asSlice(GEOMETRY.driverGpa(), 0x2000).fill((byte) 0);
        for (int i = 0; i < SIZE; i++) {
            long at = GEOMETRY.descGpa() + 16L * i;
            boolean header = i % 4 == 0;
            long gpa = header ? HEADERS + 32L * i : random.nextInt(10) == 0 ? random.nextLong() : random.nextInt(MEMORY_BYTES);
            int byteSize = header ? 16 : random.nextInt(4) == 0 ? random.nextInt() : 512 * random.nextInt(4) + random.nextInt(2);
            int flags = header ? 1 : random.nextInt(16) == 0 ? 4 : random.nextInt(4);
            int next = header || random.nextInt(3) > 0 ? (i + 1) % SIZE : random.nextInt(SIZE + 1);
            ram.set(ValueLayout.JAVA_LONG, at, gpa);
            ram.set(ValueLayout.JAVA_INT, at + 8, byteSize);
            ram.set(ValueLayout.JAVA_SHORT, at + 12, (short) flags);
            ram.set(ValueLayout.JAVA_SHORT, at + 14, (short) next);
            ram.set(ValueLayout.JAVA_SHORT, GEOMETRY.driverGpa() + 4 + 2L * i, (short) (4 * random.nextInt(SIZE / 4)));
            ram.set(ValueLayout.JAVA_INT, HEADERS + 32L * i, List.of(0, 0, 1, 4, 8, 99).get(random.nextInt(6)));
            ram.set(ValueLayout.JAVA_LONG, HEADERS + 32L * i + 8, random.nextInt(8) == 0 ? random.nextLong() : random.nextInt(2048));
        }
    }

    private static final class IgnoredEvents implements DeviceEvents {
        @Override
        public void configChanged() {
            throw new AssertionError("nothing changes a disk's configuration");
        }

        @Override
        public void needsReset() {
            // The driver's own doing.
        }
    }

    private record Spent(long descriptors, long threads, long nativeBytes, long heapBytes) {

        static Spent now() throws IOException {
            System.gc();
            long heap = Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
            try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd")); Stream<Path> tasks = Files.list(Path.of("/proc/self/task"));
                 Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
                // Memory that is only reserved has no rights.
                return new Spent(fds.count(), tasks.count(),
                    maps.filter(map -> map.contains(" rw-p ")).mapToLong(Spent::byteSize).sum(), heap);
            }
        }

        private static long byteSize(String map) {
            String[] range = map.substring(0, map.indexOf(' ')).split("-");
            return Long.parseUnsignedLong(range[1], 16) - Long.parseUnsignedLong(range[0], 16);
        }
    }
}
