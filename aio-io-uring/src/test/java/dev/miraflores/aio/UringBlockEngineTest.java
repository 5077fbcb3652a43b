// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.SysInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@NeedsIoUring
class UringBlockEngineTest {

    private static final int DISK_BYTES = 1 << 20;
    private static final int DEPTH = 8;

    @TempDir
    private Path folder;
    private Path image;
    private final Random random = new Random(1);
    private final byte[] content = new byte[DISK_BYTES];
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory = arena.allocate(DISK_BYTES, 4096);
    private final IoMemory ioMemory = IoMemory.of(List.of(memory));
    private final IoThread thread = IoThread.start("test-io");
    private BlockFile file;
    private BlockEngine engine;

    @BeforeEach
    void fillImage() throws IOException {
        image = folder.resolve("disk.img");
        random.nextBytes(content);
        Files.write(image, content);
    }

    @AfterEach
    void close() {
        if (engine != null) {
            thread.call(engine::close);
        }
        thread.close();
        if (file != null) {
            file.close();
        }
        arena.close();
    }

    private void open(CacheMode cache, boolean readOnly) {
        open(cache, readOnly, false);
    }

    private void open(CacheMode cache, boolean readOnly, boolean registerMemory) {
        file = BlockFile.open(image.toString(), cache, readOnly);
        LinkOptions options = new LinkOptions(ioMemory, DEPTH, registerMemory, LinkOptions.engineCounters());
        thread.call(() -> engine = thread.open(file, options));
    }

    private TestIo io(Operation operation, long offset, MemorySegment... buffers) {
        return new TestIo(arena).with(operation, offset, buffers);
    }

    private static byte[] bytes(MemorySegment segment) {
        return segment.toArray(ValueLayout.JAVA_BYTE);
    }

    private byte[] content(int offset, int length) {
        return Arrays.copyOfRange(content, offset, offset + length);
    }

    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldReadAndWriteInEachCacheMode(CacheMode cache) throws IOException {
        open(cache, false);

        assertEquals(0, io(Operation.READ, 8192, memory.asSlice(0, 4096)).run(thread, engine));
        assertArrayEquals(content(8192, 4096), bytes(memory.asSlice(0, 4096)));

        memory.asSlice(4096, 8192).fill((byte) 0x5A);
        TestIo write = io(Operation.WRITE, 16384, memory.asSlice(4096, 8192));
        write.setDurable(!cache.hasWriteCache());
        assertEquals(0, write.run(thread, engine));
        assertEquals(0, io(Operation.FLUSH, 0).run(thread, engine));

        byte[] after = Files.readAllBytes(image);
        assertArrayEquals(bytes(memory.asSlice(4096, 8192)), Arrays.copyOfRange(after, 16384, 16384 + 8192));
        assertArrayEquals(content(16384 + 8192, 4096), Arrays.copyOfRange(after, 24576, 28672));
    }

    @Test
    void shouldScatterAndGather() {
        open(CacheMode.WRITEBACK, false);
        MemorySegment first = memory.asSlice(100, 512);
        MemorySegment second = memory.asSlice(5000, 1024);
        MemorySegment third = memory.asSlice(9000, 2560);

        assertEquals(0, io(Operation.READ, 512, first, second, third).run(thread, engine));

        assertArrayEquals(content(512, 512), bytes(first));
        assertArrayEquals(content(1024, 1024), bytes(second));
        assertArrayEquals(content(2048, 2560), bytes(third));
    }

    @Test
    void shouldMakeOneBufferOfAdjacentOnes() {
        TestIo io = io(Operation.READ, 0, memory.asSlice(0, 512), memory.asSlice(512, 512), memory.asSlice(2048, 512));

        assertEquals(2, io.bufferCount());
        assertEquals(1536, io.byteCount());
        assertEquals(1024, io.bufferLength(0));
    }

    @Test
    void shouldKeepMoreRequestsThanItHasSlotsFor() {
        open(CacheMode.WRITEBACK, false);
        List<TestIo> requests = new ArrayList<>();
        for (int i = 0; i < 10 * DEPTH; i++) {
            requests.add(io(Operation.READ, 4096L * i, memory.asSlice(4096L * i, 4096)));
        }

        thread.execute(() -> requests.forEach(engine::submit));

        for (int i = 0; i < requests.size(); i++) {
            assertEquals(0, requests.get(i).await());
            assertArrayEquals(content(4096 * i, 4096), bytes(memory.asSlice(4096L * i, 4096)));
        }
    }

    /** Data that is gone is an error: zeroes would be silent corruption. */
    @Test
    void shouldFailReadsPastTheEndOfAFileThatWasTruncated() throws IOException {
        open(CacheMode.WRITEBACK, false);
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            channel.truncate(6144);
        }

        assertEquals(-Errno.EIO, io(Operation.READ, 8192, memory.asSlice(0, 4096)).run(thread, engine));
        // Half of it is there: continued, and then nothing.
        assertEquals(-Errno.EIO, io(Operation.READ, 4096, memory.asSlice(0, 4096)).run(thread, engine));
        assertEquals(1, engine.counters().get(EngineCounter.CONTINUED));
        assertArrayEquals(content(4096, 2048), bytes(memory.asSlice(0, 2048)));
    }

    private void openAnything(Fd fd) {
        file = BlockFile.ofAnything(fd, CacheMode.WRITEBACK, DISK_BYTES);
        thread.call(() -> engine = thread.open(file, LinkOptions.of(ioMemory, DEPTH)));
    }

    @Test
    void shouldReportAFullDisk() {
        openAnything(Fd.open("/dev/full", Fd.O_RDWR));

        assertEquals(-Errno.ENOSPC, io(Operation.WRITE, 0, memory.asSlice(0, 4096)).run(thread, engine));
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

    @Test
    @NeedsTmpfs
    void shouldReportAFullFileSystemAndGoOn() throws IOException {
        try (SmallTmpfs tmpfs = SmallTmpfs.mount(256)) {
            Path sparse = tmpfs.folder().resolve("sparse.img");
            try (FileChannel channel = FileChannel.open(sparse, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.allocate(1), DISK_BYTES - 1);
            }
            image = sparse;
            open(CacheMode.WRITEBACK, false);
            int written = 0;
            while (io(Operation.WRITE, 65536L * written, memory.asSlice(0, 65536)).run(thread, engine) == 0) {
                written++;
            }
            assertTrue(written >= 2 && written <= 4, "written " + written);
            assertEquals(-Errno.ENOSPC,
                io(Operation.WRITE, 65536L * (written + 1), memory.asSlice(0, 4096)).run(thread, engine));
            assertEquals(0, io(Operation.READ, 0, memory.asSlice(65536, 4096)).run(thread, engine));
            assertEquals(0, io(Operation.FLUSH, 0).run(thread, engine));
            thread.call(engine::close);
            engine = null;
            file.close();
            file = null;
        }
    }

    @Test
    void shouldReportTheKernelsErrno() {
        open(CacheMode.WRITEBACK, true);

        assertEquals(-Errno.EBADF, io(Operation.WRITE, 0, memory.asSlice(0, 512)).run(thread, engine));
    }

    /** The page cache does short reads only at the end; buffers that end inside a part are put right again. */
    @Test
    void shouldGoOnAfterAPartInTheMiddleOfABuffer() {
        TestIo io = io(Operation.READ, 1000, memory.asSlice(0, 100), memory.asSlice(200, 100), memory.asSlice(400, 100));

        io.advance(150);
        assertEquals(1150, io.remainingOffset());
        assertEquals(150, io.remainingBytes());
        assertEquals(2, io.remainingBuffers());
        assertEquals(memory.address() + 250, io.remainingAddress());
        io.advance(20);
        assertEquals(memory.address() + 270, io.remainingAddress());
        io.advance(30);
        assertEquals(memory.address() + 400, io.remainingAddress());
        assertEquals(1, io.remainingBuffers());
        io.advance(1);
        io.complete(0);

        for (int i = 0; i < 3; i++) {
            assertEquals(memory.address() + 200L * i, io.bufferAddress(i));
            assertEquals(100, io.bufferLength(i));
        }
    }

    @Test
    void shouldUseRegisteredMemoryWhereTheHostPermits() {
        open(CacheMode.NONE, false, true);
        assertEquals(0, io(Operation.READ, 4096, memory.asSlice(0, 4096)).run(thread, engine));
        assertArrayEquals(content(4096, 4096), bytes(memory.asSlice(0, 4096)));
        long fixed = engine.counters().get(EngineCounter.FIXED_BUFFER);
        assertTrue(fixed == 1 || SysInfo.memlockLimit() < 2L * DISK_BYTES, "fixed=" + fixed);
    }
}
