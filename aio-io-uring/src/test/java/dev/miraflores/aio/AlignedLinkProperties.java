// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Storage.DirectAlignment;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/**
 * O_DIRECT for any request: over an engine that refuses what the kernel would refuse, holds requests back, and finishes
 * them in any order, the disk is what a model of it says.
 */
class AlignedLinkProperties {

    private static final int DISK_BYTES = 256 * 1024;
    private static final int SECTOR = 512;
    private static final int MEMORY_BYTES = 4 << 20;
    private static final int SLOTS = 24;
    private static final int MAX_BUFFERS = 16;

    @Property(tries = 60)
    void shouldKeepTheDiskAsTheModelHasIt(@ForAll long seed) {
        for (int block : new int[] {512, 1024, 4096}) {
            for (int memoryAlignment : new int[] {4, 512, 4096}) {
                new Run(seed, block, memoryAlignment).go();
            }
        }
    }

    /** A whole request of 1 MiB does not fit into a buffer of 64 KiB. */
    @Property(tries = 20)
    void shouldCarryLargeRequestsInPieces(@ForAll long seed) {
        Run run = new Run(seed, 4096, 4096);
        try (run.arena) {
            Random random = new Random(seed);
            int sectors = DISK_BYTES / SECTOR - 1 - random.nextInt(16);
            int first = random.nextInt(DISK_BYTES / SECTOR - sectors);
            byte[] data = new byte[sectors * SECTOR];
            random.nextBytes(data);
            MemorySegment buffer = run.memory.asSlice(1 + random.nextInt(4095), data.length);
            MemorySegment.copy(data, 0, buffer, ValueLayout.JAVA_BYTE, 0, data.length);
            Request write = run.requests[0];
            write.begin(Operation.WRITE, (long) first * SECTOR);
            write.addBuffer(buffer.address(), buffer.byteSize());
            run.link.submit(write);
            run.finishAll();
            assertEquals(0, write.result);
            System.arraycopy(data, 0, run.model, first * SECTOR, data.length);
            assertArrayEquals(run.model, run.engine.content());

            buffer.fill((byte) 0);
            Request read = run.requests[1];
            read.begin(Operation.READ, (long) first * SECTOR);
            read.addBuffer(buffer.address(), buffer.byteSize());
            run.link.submit(read);
            run.finishAll();
            assertEquals(0, read.result);
            assertArrayEquals(data, buffer.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @Property(tries = 20)
    void shouldPassFailuresOnAndGoOn(@ForAll long seed) {
        Run run = new Run(seed, 4096, 4096);
        try (run.arena) {
            Request odd = run.requests[0];
            for (int failing = 1; failing <= 2; failing++) {
                // A part of a block is read before it is written: either may fail.
                run.engine.failAfter = failing;
                odd.begin(Operation.WRITE, SECTOR);
                odd.addBuffer(run.memory.address() + 1, SECTOR);
                run.link.submit(odd);
                run.finishAll();
                assertEquals(-5, odd.result);
                assertArrayEquals(run.model, run.engine.content());
            }
            run.engine.failAfter = 0;
            odd.begin(Operation.READ, SECTOR);
            odd.addBuffer(run.memory.address() + 1, SECTOR);
            run.link.submit(odd);
            run.finishAll();
            assertEquals(0, odd.result);
            assertEquals(0, run.link.inFlight());
        }
    }

    private static final class Run {
        final Random random;
        final Arena arena = Arena.ofShared();
        final MemorySegment memory = arena.allocate(MEMORY_BYTES, 4096);
        final byte[] model = new byte[DISK_BYTES];
        final StrictEngine engine;
        final AlignedLink link;
        /** Of another queue of the same disk. */
        final AlignedLink other;
        final Request[] requests = new Request[SLOTS];

        Run(long seed, int block, int memoryAlignment) {
            random = new Random(seed);
            random.nextBytes(model);
            engine = new StrictEngine(model, memory, block, memoryAlignment, random);
            DirectAlignment alignment = new DirectAlignment(memoryAlignment, block);
            IoMemory parts = IoMemory.of(List.of(
                memory.asSlice(0, 1 << 20), memory.asSlice(1 << 20, MEMORY_BYTES - (1 << 20))));
            WriteGate gate = new WriteGate();
            link = new AlignedLink(engine, alignment, parts, gate, Runnable::run);
            other = new AlignedLink(engine, alignment, parts, gate, Runnable::run);
            for (int i = 0; i < SLOTS; i++) {
                requests[i] = new Request(arena);
            }
        }

        void go() {
            try (arena) {
                for (int round = 0; round < 12; round++) {
                    round();
                    assertArrayEquals(model, engine.content());
                }
                assertEquals(0, link.inFlight() + other.inFlight());
                link.close();
                other.close();
            }
        }

        /** Some requests at once, of sectors that do not overlap but may be of the same blocks. */
        private void round() {
            int count = 1 + random.nextInt(SLOTS);
            int share = DISK_BYTES / SECTOR / count;
            List<Runnable> checks = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int sectors = 1 + random.nextInt(Math.min(share, 16));
                int first = share * i + random.nextInt(share - sectors + 1);
                byte[] data = new byte[sectors * SECTOR];
                if (random.nextInt(5) == 0) {
                    zero(requests[i], first, data, checks);
                    continue;
                }
                boolean write = random.nextBoolean();
                if (write) {
                    random.nextBytes(data);
                } else {
                    System.arraycopy(model, first * SECTOR, data, 0, data.length);
                }
                Request request = requests[i];
                request.begin(write ? Operation.WRITE : Operation.READ, (long) first * SECTOR);
                request.setDurable(random.nextBoolean());
                List<MemorySegment> buffers = scatter(request, i, data.length);
                if (write) {
                    store(data, buffers);
                    System.arraycopy(data, 0, model, first * SECTOR, data.length);
                }
                checks.add(() -> {
                    assertEquals(0, request.result);
                    assertArrayEquals(data, load(data.length, buffers));
                });
                (random.nextBoolean() ? link : other).submit(request);
                if (random.nextInt(3) == 0) {
                    engine.finishOne();
                }
            }
            finishAll();
            checks.forEach(Runnable::run);
        }

        /** Zeroes of part of a block are a write of it, too. */
        private void zero(Request request, int first, byte[] zeroes, List<Runnable> checks) {
            request.beginRange(Operation.WRITE_ZEROES, (long) first * SECTOR, zeroes.length, random.nextBoolean());
            System.arraycopy(zeroes, 0, model, first * SECTOR, zeroes.length);
            checks.add(() -> assertEquals(0, request.result));
            (random.nextBoolean() ? link : other).submit(request);
        }

        /** Buffers for {@code length} bytes: even ones, odd addresses, odd lengths. */
        private List<MemorySegment> scatter(Request request, int slot, int length) {
            List<MemorySegment> buffers = new ArrayList<>();
            int kind = random.nextInt(3);
            long at = (long) slot * (MEMORY_BYTES / SLOTS & -4096) + (kind == 0 ? 0 : random.nextInt(600));
            int left = length;
            while (left > 0) {
                int part = kind < 2 || buffers.size() == MAX_BUFFERS - 1 ? left : 1 + random.nextInt(left);
                MemorySegment buffer = memory.asSlice(at, part);
                buffers.add(buffer);
                request.addBuffer(buffer.address(), part);
                at += part + (kind == 2 ? random.nextInt(100) : 0);
                left -= part;
            }
            return buffers;
        }

        void finishAll() {
            while (engine.finishOne()) {
                // until nothing is left, what the completions submit included
            }
        }
    }

    private static void store(byte[] data, List<MemorySegment> buffers) {
        int done = 0;
        for (MemorySegment buffer : buffers) {
            MemorySegment.copy(data, done, buffer, ValueLayout.JAVA_BYTE, 0, (int) buffer.byteSize());
            done += (int) buffer.byteSize();
        }
    }

    private static byte[] load(int length, List<MemorySegment> buffers) {
        byte[] data = new byte[length];
        int done = 0;
        for (MemorySegment buffer : buffers) {
            MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, data, done, (int) buffer.byteSize());
            done += (int) buffer.byteSize();
        }
        return data;
    }

    private static final class Request extends BlockIo {
        int result = Integer.MIN_VALUE;

        Request(Arena arena) {
            super(arena.allocate((long) MAX_BUFFERS * IOVEC_BYTES, Long.BYTES));
        }

        @Override
        protected void onComplete(int outcome) {
            result = outcome;
        }

        @Override
        protected void onFailure(Throwable bug) {
            throw new AssertionError(bug);
        }
    }

    /** What a file with O_DIRECT is to the kernel, without the kernel. */
    private static final class StrictEngine implements BlockEngine {
        private final byte[] disk;
        private final MemorySegment memory;
        private final int block;
        private final int memoryAlignment;
        private final Random random;
        private final List<BlockIo> held = new ArrayList<>();
        private final Counters<EngineCounter> counters = LinkOptions.engineCounters();
        int failAfter;

        StrictEngine(byte[] model, MemorySegment memory, int block, int memoryAlignment, Random random) {
            this.disk = model.clone();
            this.memory = memory;
            this.block = block;
            this.memoryAlignment = memoryAlignment;
            this.random = random;
        }

        byte[] content() {
            return disk;
        }

        @Override
        public void submit(BlockIo io) {
            assertTrue(io.operation().isRange() || io.offset() % block == 0, "offset");
            for (int i = 0; i < io.bufferCount(); i++) {
                assertEquals(0, io.bufferAddress(i) % memoryAlignment, "address");
                assertEquals(0, io.bufferLength(i) % block, "length");
            }
            held.add(io);
        }

        /** Finishes one of those held, whichever; answers whether there was any. */
        boolean finishOne() {
            if (held.isEmpty()) {
                return false;
            }
            BlockIo io = held.remove(random.nextInt(held.size()));
            if (failAfter > 0 && --failAfter == 0) {
                io.complete(-5);
                return true;
            }
            long at = io.offset();
            if (io.operation() == Operation.WRITE_ZEROES) {
                Arrays.fill(disk, (int) at, (int) (at + io.byteCount()), (byte) 0);
            }
            for (int i = 0; i < io.bufferCount(); i++) {
                int length = (int) io.bufferLength(i);
                assertTrue(at + length <= disk.length, "beyond the end");
                MemorySegment buffer = buffer(io, i);
                if (io.operation() == Operation.READ) {
                    MemorySegment.copy(disk, (int) at, buffer, ValueLayout.JAVA_BYTE, 0, length);
                } else {
                    MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, 0, disk, (int) at, length);
                }
                at += length;
            }
            io.complete(0);
            return true;
        }

        private MemorySegment buffer(BlockIo io, int i) {
            long offset = io.bufferAddress(i) - memory.address();
            if (offset >= 0 && offset < MEMORY_BYTES) {
                return memory.asSlice(offset, io.bufferLength(i));
            }
            return ((Bounce) io).buffer().asSlice(0, io.bufferLength(i));
        }

        @Override
        public String name() {
            return "strict";
        }

        @Override
        public int inFlight() {
            return held.size();
        }

        @Override
        public Counters<EngineCounter> counters() {
            return counters;
        }

        @Override
        public void close() {
        }
    }
}
