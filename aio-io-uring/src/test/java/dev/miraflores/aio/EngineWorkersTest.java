// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.EventFd;
import dev.miraflores.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tasks there and back; the test's thread is the I/O thread. */
class EngineWorkersTest {

    private static final int DEPTH = 128;
    private static final long PATIENCE_NS = 20_000_000_000L;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory = arena.allocate(4096);
    private final BlockFile file =
        BlockFile.ofAnything(Fd.open("/dev/zero", Fd.O_RDWR), CacheMode.WRITEBACK, 1 << 20);
    private final EngineWorkers workers = new EngineWorkers("test-w", DEPTH);
    private final EventFd event = workers.event();
    private final TestIo io = new TestIo(arena);

    @AfterEach
    void close() {
        file.close();
        arena.close();
    }

    private EngineTask task(int slot) {
        EngineTask task = new EngineTask(slot, file);
        task.prepare(io.with(Operation.READ, 0, memory));
        return task;
    }

    /** As an I/O thread does before it sleeps, and when it wakes. */
    private void sleep() {
        long start = System.nanoTime();
        if (!workers.enableEvents()) {
            while (event.drain() == 0) {
                assertTrue(System.nanoTime() - start < PATIENCE_NS, "no signal");
                LockSupport.parkNanos(1000);
            }
        }
        workers.disableEvents();
    }

    /** No signal is lost and no task: whatever is waited for comes. */
    @Test
    void shouldBringEveryTaskBackAndSignal() {
        Deque<EngineTask> free = new ArrayDeque<>();
        for (int slot = 0; slot < DEPTH; slot++) {
            free.add(task(slot));
        }
        boolean[] out = new boolean[DEPTH];
        int done = 0;
        for (int round = 0; done < 20_000; round++) {
            for (int i = 0; i <= round % 7 * 5 && !free.isEmpty(); i++) {
                EngineTask task = free.remove();
                out[task.slot] = true;
                workers.submit(task);
            }
            workers.wake();
            if (round % 3 == 0) {
                sleep();
            }
            for (EngineTask task; (task = workers.take()) != null; done++) {
                assertEquals(4096, task.result());
                assertTrue(out[task.slot], "came twice");
                out[task.slot] = false;
                free.add(task);
            }
        }
        while (free.size() < DEPTH) {
            sleep();
            for (EngineTask task; (task = workers.take()) != null; ) {
                free.add(task);
            }
        }
        assertTrue(workers.count() <= EngineWorkers.MAX_WORKERS);
        workers.close();
        assertEnded();
    }

    /** The event stays until the last worker, which may be about to signal it, has gone. */
    private void assertEnded() {
        long start = System.nanoTime();
        while (workers.count() != 0 || event.isOpen()) {
            assertTrue(System.nanoTime() - start < PATIENCE_NS, workers.count() + " workers are left");
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Test
    void shouldEndWithoutEverHavingWorked() {
        workers.close();
        assertEnded();
    }

    @Test
    void shouldBringBackWhatATaskThrew() {
        file.close();
        EngineTask task = task(0);
        workers.submit(task);
        workers.wake();
        sleep();

        assertEquals(task, workers.take());
        assertTrue(task.bug() instanceof RuntimeException, "bug " + task.bug());
        workers.close();
        assertEnded();
    }
}
