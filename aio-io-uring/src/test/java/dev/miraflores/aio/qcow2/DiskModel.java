// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** A disk as an array of bytes, and a driver that does the same at random to the array and to a link. */
final class DiskModel {

    static final int SECTOR = 512;
    /** Requests at once, each in a share of the disk of its own. */
    static final int DEPTH = 16;
    static final long MEMORY_BYTES = 4L << 20;
    private static final int SLOT_BYTES = (int) (MEMORY_BYTES / DEPTH);
    private static final int MAX_BUFFERS = 8;

    final byte[] content;
    final MemorySegment memory;
    /** Sectors that were changed since the last {@link #flush}. */
    final BitSet touched = new BitSet();
    private final Random random;
    private final Request[] requests = new Request[DEPTH];
    private final boolean discardReadsZero;

    /**
     * @param discardReadsZero whether what was discarded has to read as zeroes, in whole clusters of that many bytes; if not
     *                         discards are left out
     */
    DiskModel(byte[] content, Arena arena, Random random, boolean discardReadsZero) {
        this.content = content;
        this.random = random;
        this.discardReadsZero = discardReadsZero;
        this.memory = arena.allocate(MEMORY_BYTES, 4096);
        for (int i = 0; i < DEPTH; i++) {
            requests[i] = new Request(arena, memory.asSlice((long) i * SLOT_BYTES, SLOT_BYTES));
        }
    }

    /** Some requests at once, of ranges that do not overlap but may be of the same clusters. */
    void round(BlockLink link, Executor thread, int clusterBytes) {
        int count = 1 + random.nextInt(DEPTH);
        int start = random.nextInt(content.length / SECTOR - count);
        // Near each other, so that they meet in clusters, or all over the disk.
        int spread = random.nextBoolean() ? content.length / SECTOR - start
            : Math.min(content.length / SECTOR - start, count * (1 + random.nextInt(24)));
        int share = spread / count;
        CountDownLatch left = new CountDownLatch(count);
        for (int i = 0; i < count; i++) {
            int sectors = Math.min(SLOT_BYTES / SECTOR, 1 + random.nextInt(share));
            if (random.nextInt(4) != 0) {
                sectors = Math.min(sectors, 16);
            }
            int first = start + i * share + random.nextInt(share - sectors + 1);
            requests[i].prepare(random.nextInt(16), first * SECTOR, sectors * SECTOR, left, clusterBytes);
        }
        thread.execute(() -> {
            for (int i = 0; i < count; i++) {
                link.submit(requests[i]);
            }
        });
        await(left);
        for (int i = 0; i < count; i++) {
            requests[i].check();
        }
    }

    /** All of the disk, as the link has it. */
    void checkAll(BlockLink link, Executor thread) {
        for (int at = 0; at < content.length; at += SLOT_BYTES) {
            CountDownLatch left = new CountDownLatch(1);
            requests[0].prepare(0, at, Math.min(SLOT_BYTES, content.length - at), left, 0);
            thread.execute(() -> link.submit(requests[0]));
            await(left);
            requests[0].check();
        }
    }

    void flush(BlockLink link, Executor thread) {
        CountDownLatch left = new CountDownLatch(1);
        requests[0].prepare(FLUSH, 0, 0, left, 0);
        thread.execute(() -> link.submit(requests[0]));
        await(left);
        requests[0].check();
        touched.clear();
    }

    private static void await(CountDownLatch left) {
        try {
            if (!left.await(60, TimeUnit.SECONDS)) {
                throw new AssertionError(left.getCount() + " requests do not complete");
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static final int FLUSH = 15;

    private final class Request extends BlockIo {
        private final MemorySegment buffer;
        private byte[] expected;
        private int at;
        private int bytes;
        private CountDownLatch left;
        private int result;
        private Throwable bug;

        Request(Arena arena, MemorySegment buffer) {
            super(arena.allocate((long) MAX_BUFFERS * IOVEC_BYTES, 8));
            this.buffer = buffer;
        }

        void prepare(int kind, int offset, int length, CountDownLatch latch, int clusterBytes) {
            at = offset;
            bytes = length;
            left = latch;
            result = 1;
            bug = null;
            if (kind >= 6 && kind < FLUSH) {
                touched.set(offset / SECTOR, (offset + length) / SECTOR);
            }
            expected = Arrays.copyOfRange(content, offset, offset + length);
            if (kind < 6) {
                begin(Operation.READ, offset);
                buffer.fill((byte) 0x99);
                addBuffers();
            } else if (kind < 12) {
                byte[] data = new byte[length];
                random.nextBytes(data);
                begin(Operation.WRITE, offset);
                addBuffers();
                // The data lie in the buffers in the order in which these were added.
                long done = 0;
                for (int i = 0; i < bufferCount(); i++) {
                    MemorySegment.copy(data, (int) done, buffer, ValueLayout.JAVA_BYTE,
                        bufferAddress(i) - buffer.address(), (int) bufferLength(i));
                    done += bufferLength(i);
                }
                setDurable(random.nextInt(16) == 0);
                System.arraycopy(data, 0, content, offset, length);
            } else if (kind < 14) {
                beginRange(Operation.WRITE_ZEROES, offset, length, random.nextBoolean());
                Arrays.fill(content, offset, offset + length, (byte) 0);
            } else if (kind == 14 && discardReadsZero) {
                beginRange(Operation.DISCARD, offset, length, true);
                int from = (offset + clusterBytes - 1) / clusterBytes * clusterBytes;
                int end = offset + length;
                int to = end == content.length ? end : end / clusterBytes * clusterBytes;
                if (from < to) {
                    Arrays.fill(content, from, to, (byte) 0);
                }
            } else {
                begin(Operation.FLUSH, 0);
            }
        }

        private void addBuffers() {
            int split = random.nextInt(3) == 0 ? random.nextInt(bytes / SECTOR) * SECTOR : 0;
            // Behind each other in the request, the other way round in memory.
            if (split != 0) {
                addBuffer(buffer.address() + bytes - split, split);
            }
            addBuffer(buffer.address(), bytes - split);
        }

        void check() {
            if (bug != null) {
                throw new AssertionError(operation() + " at " + at, bug);
            }
            assertEquals(0, result, operation() + " at " + at + ", " + bytes + " bytes");
            if (operation() != Operation.READ) {
                return;
            }
            byte[] got = new byte[bytes];
            long done = 0;
            for (int i = 0; i < bufferCount(); i++) {
                MemorySegment.copy(buffer, ValueLayout.JAVA_BYTE, bufferAddress(i) - buffer.address(), got, (int) done,
                    (int) bufferLength(i));
                done += bufferLength(i);
            }
            assertArrayEquals(expected, got, "read at " + at + ", " + bytes + " bytes");
        }

        @Override
        protected void onComplete(int outcome) {
            result = outcome;
            left.countDown();
        }

        @Override
        protected void onFailure(Throwable thrown) {
            bug = thrown;
            left.countDown();
        }
    }
}
