// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Storage.DirectAlignment;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Several queues of one disk on threads of their own, that write different sectors of the same few blocks. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WriteGateTest {

    private static final int BLOCK = 4096;
    private static final int SECTOR = 512;
    private static final int DISK_BYTES = 2 * BLOCK;
    private static final int LINKS = 4;
    private static final int SECTORS_EACH = DISK_BYTES / SECTOR / LINKS;
    private static final int WRITES = 4000;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment disk = arena.allocate(DISK_BYTES, BLOCK);
    private final WriteGate gate = new WriteGate();

    @Test
    void shouldLoseNoSectorToAWriteOfItsNeighbour() throws InterruptedException {
        List<Writer> writers = new ArrayList<>();
        for (int i = 0; i < LINKS; i++) {
            writers.add(new Writer(i));
        }
        for (Writer writer : writers) {
            writer.thread.execute(writer::next);
        }
        for (Writer writer : writers) {
            assertTrue(writer.done.await(100, TimeUnit.SECONDS), "a write was never let in");
        }
        for (Writer writer : writers) {
            writer.thread.shutdown();
            assertTrue(writer.thread.awaitTermination(10, TimeUnit.SECONDS));
            for (int i = 0; i < SECTORS_EACH; i++) {
                assertEquals(writer.last[i], disk.get(ValueLayout.JAVA_INT, (long) writer.sector(i) * SECTOR),
                    "sector " + writer.sector(i));
            }
        }
        arena.close();
    }

    /** One queue: writes its own sectors, every {@link #LINKS}th, in turn. */
    private final class Writer extends BlockIo {
        final int index;
        final ExecutorService thread = Executors.newSingleThreadExecutor();
        final CountDownLatch done = new CountDownLatch(1);
        final int[] last = new int[SECTORS_EACH];
        private final MemorySegment buffer = arena.allocate(SECTOR, SECTOR);
        private final AlignedLink link;
        private int count;

        Writer(int index) {
            super(arena.allocate(IOVEC_BYTES, Long.BYTES));
            this.index = index;
            this.link = new AlignedLink(new MemoryEngine(thread), new DirectAlignment(SECTOR, BLOCK),
                IoMemory.of(List.of(buffer)), gate, thread);
        }

        int sector(int i) {
            return i * LINKS + index;
        }

        void next() {
            int i = count % SECTORS_EACH;
            last[i] = ++count;
            buffer.set(ValueLayout.JAVA_INT, 0, count);
            begin(Operation.WRITE, (long) sector(i) * SECTOR);
            addBuffer(buffer.address(), SECTOR);
            link.submit(this);
        }

        @Override
        protected void onComplete(int result) {
            if (count < WRITES) {
                thread.execute(this::next);
            } else {
                done.countDown();
            }
        }

        @Override
        protected void onFailure(Throwable bug) {
            throw new AssertionError(bug);
        }
    }

    /** Reads and writes whole blocks of the disk, a little later. */
    private final class MemoryEngine implements BlockEngine {
        private final ExecutorService thread;
        private final Counters<EngineCounter> counters = LinkOptions.engineCounters();

        MemoryEngine(ExecutorService thread) {
            this.thread = thread;
        }

        @Override
        public void submit(BlockIo io) {
            thread.execute(() -> {
                MemorySegment buffer = ((Bounce) io).buffer();
                if (io.operation() == Operation.READ) {
                    MemorySegment.copy(disk, io.offset(), buffer, 0, io.byteCount());
                } else {
                    MemorySegment.copy(buffer, 0, disk, io.offset(), io.byteCount());
                }
                io.complete(0);
            });
        }

        @Override
        public String name() {
            return "memory";
        }

        @Override
        public int inFlight() {
            return 0;
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
