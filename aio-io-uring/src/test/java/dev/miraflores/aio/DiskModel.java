// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Random requests of every kind to a link, several at a time, each checked against what the disk has to hold. The disk is cut
 * into lanes that do not end where blocks do; a lane does one request after the other, in the completion of the one before.
 * <p>Thread: the I/O thread, once started.
 */
final class DiskModel {

    private static final int SECTOR = 512;
    private static final int LANES = 16;
    /** Odd, so that neighbours share blocks of any size. */
    private static final int LANE_SECTORS = 37;
    private static final int LANE_BYTES = LANE_SECTORS * SECTOR;
    static final int DISK_BYTES = LANES * LANE_BYTES + 4096 - LANES * LANE_BYTES % 4096;
    private static final int LANE_MEMORY = 2 * LANE_BYTES;
    static final int MEMORY_BYTES = LANES * LANE_MEMORY;
    private static final int MAX_BUFFERS = 8;

    private final long seed;
    private final BlockLink link;
    private final MemorySegment memory;
    private final byte[] disk;
    /** Of each sector, whether it was discarded and not written since: it holds what it held, or zeroes. */
    private final boolean[] unknown = new boolean[DISK_BYTES / SECTOR];
    private final CompletableFuture<Void> finished = new CompletableFuture<>();
    private int running = LANES;

    /**
     * @param memory  {@link #MEMORY_BYTES} or more
     * @param content of the disk, {@link #DISK_BYTES}
     */
    DiskModel(long seed, BlockLink link, MemorySegment memory, byte[] content) {
        this.seed = seed;
        this.link = link;
        this.memory = memory;
        this.disk = content.clone();
    }

    /** Does {@code requests} requests in each lane, and waits until they are done. */
    void run(IoThread thread, Arena arena, int requests) {
        thread.execute(() -> {
            for (int lane = 0; lane < LANES; lane++) {
                new Lane(arena, lane, requests).next();
            }
        });
        try {
            finished.get(60, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError("seed " + seed + ": " + e, e);
        }
    }

    private final class Lane extends BlockIo {
        private final Random random;
        private final long start;
        private final MemorySegment mine;
        private int left;
        private int sector;
        private int sectors;

        Lane(Arena arena, int lane, int requests) {
            super(arena.allocate((long) MAX_BUFFERS * IOVEC_BYTES, Long.BYTES));
            random = new Random(seed * LANES + lane);
            start = (long) lane * LANE_BYTES;
            mine = memory.asSlice((long) lane * LANE_MEMORY, LANE_MEMORY);
            left = requests;
        }

        void next() {
            if (left-- == 0) {
                if (--running == 0) {
                    finished.complete(null);
                }
                return;
            }
            sector = random.nextInt(LANE_SECTORS);
            sectors = 1 + random.nextInt(LANE_SECTORS - sector);
            int kind = random.nextInt(10);
            if (kind == 0) {
                begin(Operation.FLUSH, 0);
            } else if (kind < 3) {
                beginRange(kind == 1 ? Operation.DISCARD : Operation.WRITE_ZEROES, at(), bytes(), random.nextBoolean());
            } else {
                begin(kind < 6 ? Operation.READ : Operation.WRITE, at());
                scatter();
            }
            setDurable(random.nextInt(8) == 0 && operation() != Operation.READ && operation() != Operation.FLUSH);
            link.submit(this);
        }

        private long at() {
            return start + (long) sector * SECTOR;
        }

        private int bytes() {
            return sectors * SECTOR;
        }

        /** Buffers of any length at any address; what is to be written comes from there, and goes into the model. */
        private void scatter() {
            int kind = random.nextInt(3);
            int where = kind == 0 ? 0 : random.nextInt(700);
            byte[] piece = new byte[bytes()];
            random.nextBytes(piece);
            for (int done = 0; done < piece.length; ) {
                boolean rest = kind != 2 || bufferCount() == MAX_BUFFERS - 1;
                int length = rest ? piece.length - done : 1 + random.nextInt(piece.length - done);
                MemorySegment.copy(piece, done, mine, ValueLayout.JAVA_BYTE, where, length);
                addBuffer(mine.address() + where, length);
                where += length + (kind == 2 ? random.nextInt(100) : 0);
                done += length;
            }
            if (operation() == Operation.WRITE) {
                System.arraycopy(piece, 0, disk, (int) at(), piece.length);
            }
        }

        @Override
        protected void onComplete(int result) {
            assertEquals(0, result, () -> operation() + " of " + bytes() + " bytes at " + at());
            if (operation() == Operation.READ) {
                check();
            } else if (operation() == Operation.WRITE_ZEROES) {
                Arrays.fill(disk, (int) at(), (int) at() + bytes(), (byte) 0);
            }
            if (operation() != Operation.FLUSH && operation() != Operation.READ) {
                int first = (int) at() / SECTOR;
                boolean discarded = operation() == Operation.DISCARD;
                Arrays.fill(unknown, first, first + sectors, discarded);
            }
            next();
        }

        private void check() {
            byte[] read = new byte[bytes()];
            int done = 0;
            for (int i = 0; i < bufferCount(); i++) {
                long from = bufferAddress(i) - mine.address();
                MemorySegment.copy(mine, ValueLayout.JAVA_BYTE, from, read, done, (int) bufferLength(i));
                done += (int) bufferLength(i);
            }
            for (int i = 0; i < sectors; i++) {
                checkSector(read, i);
            }
        }

        private void checkSector(byte[] read, int i) {
            int onDisk = (int) at() + i * SECTOR;
            boolean same = Arrays.equals(read, i * SECTOR, (i + 1) * SECTOR, disk, onDisk, onDisk + SECTOR);
            if (!same && unknown[onDisk / SECTOR] && isZero(read, i * SECTOR)) {
                Arrays.fill(disk, onDisk, onDisk + SECTOR, (byte) 0);
            } else if (!same) {
                throw new AssertionError("sector " + onDisk / SECTOR + " reads as something else");
            }
        }

        private static boolean isZero(byte[] bytes, int from) {
            int any = 0;
            for (int i = from; i < from + SECTOR; i++) {
                any |= bytes[i];
            }
            return any == 0;
        }

        @Override
        protected void onFailure(Throwable bug) {
            finished.completeExceptionally(bug);
        }
    }

    /** Compares the disk as it is in the end. */
    void assertHeldBy(byte[] found) {
        for (int sector = 0; sector < DISK_BYTES / SECTOR; sector++) {
            int at = sector * SECTOR;
            boolean same = Arrays.equals(found, at, at + SECTOR, disk, at, at + SECTOR);
            assertTrue(same || unknown[sector] && Lane.isZero(found, at), "seed " + seed + ": sector " + sector);
        }
    }
}
