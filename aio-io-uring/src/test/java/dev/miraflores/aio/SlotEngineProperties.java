// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/**
 * What a kernel may answer that has its bad days: parts that end anywhere, EAGAIN, EINTR, no room, errors. Whatever it does,
 * each request completes once, and one that completes with 0 has done all of what it was for.
 */
class SlotEngineProperties {

    private static final int DISK_BYTES = 1 << 16;
    private static final int MEMORY_BYTES = 1 << 18;
    private static final int DEPTH = 4;
    private static final int REQUESTS = 60;

    @Property(tries = 200)
    void shouldDoAllOrSayWhyNot(@ForAll long seed) {
        try (Run run = new Run(seed)) {
            run.go();
        }
    }

    @Test
    void shouldReportWhatDoesNotPass() {
        try (Run run = new Run(1)) {
            run.engine.only = -Errno.EAGAIN;
            Request request = run.request(Operation.READ, 0, 512);
            run.engine.submit(request);
            while (run.engine.step()) {
                // it is tried anew
            }
            assertEquals(-Errno.EAGAIN, request.result);
            assertEquals(100, run.engine.counters().get(EngineCounter.RETRIED));
        }
    }

    private static final class Run implements AutoCloseable {
        private final Arena arena = Arena.ofConfined();
        private final MemorySegment memory = arena.allocate(MEMORY_BYTES);
        private final Random random;
        private final BlockFile file =
            BlockFile.ofAnything(Fd.open("/dev/null", Fd.O_RDWR), CacheMode.WRITEBACK, DISK_BYTES);
        private final MoodyEngine engine;

        Run(long seed) {
            random = new Random(seed);
            engine = new MoodyEngine(file, memory, random);
            random.nextBytes(engine.disk);
        }

        void go() {
            byte[] model = engine.disk.clone();
            List<Request> requests = new ArrayList<>();
            // No two of the same place at once; which of them would come first is anybody's guess.
            for (int round = 0; round < 4; round++) {
                for (int i = 0; i < REQUESTS / 4; i++) {
                    int offset = i * (DISK_BYTES / (REQUESTS / 4)) & -512;
                    int bytes = 512 * (1 + random.nextInt(7));
                    Operation operation = Operation.values()[random.nextInt(3)];
                    Request request = request(operation, offset, bytes);
                    requests.add(request);
                    engine.submit(request);
                    if (operation == Operation.WRITE) {
                        request.store(model);
                    }
                }
                while (engine.step()) {
                    // until nothing is left
                }
                for (Request request : requests) {
                    request.check(model, engine);
                }
                requests.clear();
            }
            assertEquals(0, engine.inFlight());
            assertArrayEquals(model, engine.disk);
        }

        Request request(Operation operation, int offset, int bytes) {
            Request request = new Request(arena, memory);
            request.begin(operation, offset);
            int at = random.nextInt(1000) + offset * 3;
            for (int left = operation == Operation.FLUSH ? 0 : bytes; left > 0; ) {
                int part = request.bufferCount() == Request.MAX_BUFFERS - 1 ? left : 1 + random.nextInt(left);
                memory.asSlice(at, part).fill((byte) random.nextInt());
                request.addBuffer(memory.address() + at, part);
                at += part + random.nextInt(50);
                left -= part;
            }
            request.remember();
            return request;
        }

        @Override
        public void close() {
            file.close();
            arena.close();
        }
    }

    private static final class Request extends BlockIo {
        static final int MAX_BUFFERS = 8;
        private static final int PENDING = Integer.MIN_VALUE;

        private final MemorySegment memory;
        private byte[] before;
        int result = PENDING;

        Request(Arena arena, MemorySegment memory) {
            super(arena.allocate((long) MAX_BUFFERS * IOVEC_BYTES, Long.BYTES));
            this.memory = memory;
        }

        void remember() {
            before = data();
        }

        byte[] data() {
            byte[] data = new byte[(int) byteCount()];
            int done = 0;
            for (int i = 0; i < bufferCount(); i++) {
                MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, bufferAddress(i) - memory.address(), data, done,
                    (int) bufferLength(i));
                done += (int) bufferLength(i);
            }
            return data;
        }

        void store(byte[] model) {
            System.arraycopy(before, 0, model, (int) offset(), before.length);
        }

        void check(byte[] model, MoodyEngine engine) {
            assertTrue(result != PENDING, "did not complete");
            int from = (int) offset();
            int length = (int) byteCount();
            if (result != 0) {
                assertTrue(engine.gaveErrors, "error " + result + " out of nothing");
                // Some of it may have been done.
                System.arraycopy(engine.disk, from, model, from, length);
            } else if (operation() == Operation.READ) {
                byte[] expected = new byte[length];
                System.arraycopy(model, from, expected, 0, length);
                assertArrayEquals(expected, data());
            }
        }

        @Override
        protected void onComplete(int outcome) {
            assertEquals(PENDING, result, "completed twice");
            result = outcome;
        }

        @Override
        protected void onFailure(Throwable bug) {
            throw new AssertionError(bug);
        }
    }

    /** A disk in an array, behind a kernel that does as it likes. */
    private static final class MoodyEngine extends SlotEngine {
        private final byte[] disk = new byte[DISK_BYTES];
        private final MemorySegment memory;
        private final Random random;
        private final List<Integer> given = new ArrayList<>();
        private boolean gaveErrors;
        private int only;

        MoodyEngine(BlockFile file, MemorySegment memory, Random random) {
            super(null, file, LinkOptions.of(IoMemory.NONE, DEPTH));
            this.memory = memory;
            this.random = random;
        }

        @Override
        long nowNs() {
            return 0; // it has no thread whose clock it could ask
        }

        @Override
        boolean begin(BlockIo io, int slot) {
            if (!given.isEmpty() && random.nextInt(4) == 0) {
                return false;
            }
            given.add(slot);
            return true;
        }

        @Override
        void endTurnSoon() {
            // it was given them at once
        }

        /** Answers one of those it was given; whether there was any. */
        boolean step() {
            if (given.isEmpty()) {
                submitHeldBack();
            }
            if (given.isEmpty()) {
                return false;
            }
            int slot = given.remove(random.nextInt(given.size()));
            onResult(slot, only != 0 ? only : answer(at(slot)));
            submitHeldBack();
            return true;
        }

        private long answer(BlockIo io) {
            switch (random.nextInt(12)) {
                case 0:
                    return -Errno.EAGAIN;
                case 1:
                    return -Errno.EINTR;
                case 2:
                    gaveErrors = true;
                    return random.nextBoolean() ? -Errno.EIO : io.operation() == Operation.FLUSH ? -Errno.ENOSPC : 0;
                default:
                    if (io.operation() == Operation.FLUSH) {
                        return 0;
                    }
                    long left = io.remainingBytes();
                    return transfer(io, random.nextInt(3) == 0 ? 1 + random.nextInt((int) left) : left);
            }
        }

        private long transfer(BlockIo io, long count) {
            long done = 0;
            for (int i = io.bufferCount() - io.remainingBuffers(); done < count; i++) {
                int part = (int) Math.min(count - done, io.bufferLength(i));
                int at = (int) (io.remainingOffset() + done);
                long buffer = io.bufferAddress(i) - memory.address();
                if (io.operation() == Operation.READ) {
                    MemorySegment.copy(disk, at, memory, ValueLayout.JAVA_BYTE, buffer, part);
                } else {
                    MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, buffer, disk, at, part);
                }
                done += part;
            }
            return count;
        }

        @Override
        public String name() {
            return "moody";
        }

        @Override
        void end() {
        }
    }
}
