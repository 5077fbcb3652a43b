// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.SysInfo;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

@NeedsIoUring
class UringBlockEngineTest extends BlockEngineContract {

    UringBlockEngineTest() {
        super(EngineKind.IO_URING, false);
    }

    @Test
    void shouldUseRegisteredMemoryWhereTheHostPermits() {
        open(CacheMode.NONE, false, true);
        assertEquals(0, io(Operation.READ, 4096, memory.asSlice(0, 4096)).run(thread, engine));
        assertArrayEquals(content(4096, 4096), bytes(memory.asSlice(0, 4096)));
        long fixed = engine.counters().get(EngineCounter.FIXED_BUFFER);
        assertTrue(fixed == 1 || SysInfo.memlockLimit() < 2L * DISK_BYTES, "fixed=" + fixed);
    }

    /** A pipe gives what it has: parts that end within buffers. */
    @Test
    void shouldContinueWhatTheKernelDoesInParts() throws Exception {
        Path fifo = folder.resolve("fifo");
        assertEquals(0, new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor());
        openAnything(Fd.open(fifo.toString(), Fd.O_RDWR));
        TestIo read = io(Operation.READ, 0, memory.asSlice(0, 60), memory.asSlice(100, 60), memory.asSlice(200, 80));
        thread.execute(() -> engine.submit(read));
        for (int done = 0; done < 200; done += 50) {
            assertEquals(50, FileIo.write(file.number(), piece(done)));
            LockSupport.parkNanos(5_000_000);
        }

        assertEquals(0, read.await());
        assertArrayEquals(content(0, 60), bytes(memory.asSlice(0, 60)));
        assertArrayEquals(content(60, 60), bytes(memory.asSlice(100, 60)));
        assertArrayEquals(content(120, 80), bytes(memory.asSlice(200, 80)));
        assertTrue(engine.counters().get(EngineCounter.CONTINUED) >= 1);
    }

    private MemorySegment piece(int offset) {
        return arena.allocateFrom(ValueLayout.JAVA_BYTE, content(offset, 50));
    }
}
