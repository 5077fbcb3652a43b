// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * What a guest does on one queue: keeps some requests in flight, as long as it is let. It writes where all queues do, and in a
 * stripe of its own, where it knows what it wrote and reads it back.
 */
final class TestGuest {

    static final int SECTOR = 512;
    private static final int MAX_BYTES = 24 * 1024;
    private static final int MAX_BUFFERS = 4;

    private final TestDisk.Queue queue;
    private final Random random;
    private final MemorySegment memory;
    private final long commonBytes;
    private final long stripeStart;
    private final int stripeBytes;
    /** What each sector of the stripe is filled with; −1 where nobody knows. */
    private final int[] model;
    /** Results other than 0 are for the test to expect, outside of the stripe. */
    private final boolean toleratesErrors;
    private volatile boolean stopping;
    private int running;
    private final List<Io> ios = new CopyOnWriteArrayList<>();
    private final CountDownLatch stopped = new CountDownLatch(1);
    volatile Throwable failure;
    volatile long completed;

    /**
     * @param memory at least {@code depth * MAX_BYTES}
     */
    TestGuest(
            TestDisk.Queue queue, long seed, MemorySegment memory, Arena arena, int depth, long commonBytes,
            long stripeStart, int stripeBytes, boolean toleratesErrors) {
        this.queue = queue;
        this.random = new Random(seed);
        this.memory = memory;
        this.commonBytes = commonBytes;
        this.stripeStart = stripeStart;
        this.stripeBytes = stripeBytes;
        this.toleratesErrors = toleratesErrors;
        this.model = new int[stripeBytes / SECTOR];
        Arrays.fill(model, -1);
        this.running = depth;
        queue.thread.execute(() -> {
            for (int i = 0; i < depth; i++) {
                // The first stays in the stripe, so that there is one at a time.
                Io io = new Io(arena, memory.asSlice((long) i * MAX_BYTES, MAX_BYTES), i == 0);
                ios.add(io);
                io.next();
            }
        });
    }

    static long memoryBytes(int depth) {
        return (long) depth * MAX_BYTES;
    }

    void stop() {
        stopping = true;
        try {
            if (!stopped.await(60, TimeUnit.SECONDS)) {
                throw new AssertionError("never completed: " + ios);
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        if (failure != null) {
            throw new AssertionError("guest", failure);
        }
    }

    /** Compares the stripe of a disk with what was written there. */
    void check(byte[] disk, String what) {
        for (int i = 0; i < model.length; i++) {
            for (int j = 0; model[i] >= 0 && j < SECTOR; j++) {
                int at = (int) stripeStart + i * SECTOR + j;
                if (disk[at] != (byte) model[i]) {
                    throw new AssertionError(
                        what + " has " + disk[at] + " at " + at + " where " + model[i] + " was written");
                }
            }
        }
    }

    private final class Io extends BlockIo {
        private final MemorySegment buffer;
        private final boolean inStripe;
        private int value;
        private volatile String under = "";

        Io(Arena arena, MemorySegment buffer, boolean inStripe) {
            super(arena.allocate((long) MAX_BUFFERS * IOVEC_BYTES, 8));
            this.buffer = buffer;
            this.inStripe = inStripe;
        }

        @Override
        public String toString() {
            return under + operation() + "@" + offset() + "+" + byteCount();
        }

        void next() {
            under = "";
            long area = inStripe ? stripeBytes : commonBytes;
            int bytes = (random.nextInt(random.nextInt(4) == 0 ? MAX_BYTES / SECTOR : 8) + 1) * SECTOR;
            long offset = (inStripe ? stripeStart : 0) + random.nextInt((int) (area - bytes) / SECTOR + 1) * (long) SECTOR;
            switch (random.nextInt(12)) {
                case 0 -> begin(Operation.FLUSH, 0);
                case 1 -> beginRange(Operation.WRITE_ZEROES, offset, bytes, random.nextBoolean());
                case 2 -> beginRange(Operation.DISCARD, offset, bytes, true);
                case 3, 4, 5 -> transfer(Operation.READ, offset, bytes);
                default -> {
                    value = random.nextInt(256);
                    buffer.asSlice(0, bytes).fill((byte) value);
                    transfer(Operation.WRITE, offset, bytes);
                    setDurable(random.nextInt(8) == 0);
                }
            }
            queue.submit(this);
            if (!inStripe && random.nextInt(4) == 0) {
                // Bad manners, but nothing that the two sides may differ by.
                byte scribble = (byte) random.nextInt(256);
                queue.thread.execute(() -> buffer.fill(scribble));
            }
        }

        /** In pieces that do not touch one another. */
        private void transfer(Operation operation, long offset, int bytes) {
            begin(operation, offset);
            int first = Math.min(bytes, (random.nextInt(4) + 1) * SECTOR);
            addBuffer(buffer.address(), first);
            if (bytes > first) {
                addBuffer(buffer.address() + first, bytes - first);
            }
        }

        @Override
        protected void onComplete(int result) {
            try {
                completed++;
                if (result != 0 && !toleratesErrors) {
                    throw new AssertionError(operation() + " at " + offset() + ": " + result);
                }
                if (inStripe) {
                    note(result);
                }
                // The guest may do with its memory what it likes from now on.
                if (operation() == Operation.WRITE) {
                    buffer.fill((byte) 0xEE);
                }
            } catch (Throwable e) {
                failure = e;
                stopping = true;
            }
            if (stopping) {
                under = "done ";
                running--;
                if (running == 0) {
                    stopped.countDown();
                }
            } else {
                queue.thread.execute(this::next);
            }
        }

        private void note(int result) {
            int first = (int) (offset() - stripeStart) / SECTOR;
            int count = (int) byteCount() / SECTOR;
            switch (operation()) {
                case WRITE -> Arrays.fill(model, first, first + count, result == 0 ? value : -1);
                case WRITE_ZEROES -> Arrays.fill(model, first, first + count, result == 0 ? 0 : -1);
                case DISCARD -> Arrays.fill(model, first, first + count, -1);
                case READ -> {
                    for (int i = 0; result == 0 && i < count; i++) {
                        int there = buffer.get(ValueLayout.JAVA_BYTE, (long) i * SECTOR) & 0xFF;
                        if (model[first + i] >= 0 && there != model[first + i]) {
                            throw new AssertionError("read " + there + " at sector " + (first + i)
                                + " of the stripe where " + model[first + i] + " was written");
                        }
                    }
                }
                case FLUSH -> { }
            }
        }

        @Override
        protected void onFailure(Throwable bug) {
            failure = bug;
            stopped.countDown();
        }
    }
}
