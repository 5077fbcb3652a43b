// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
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
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What every engine does in every cache mode, over a real file, with the faults that a host has to offer. A subclass says
 * which engine.
 */
abstract class BlockEngineContract {

    static final int DISK_BYTES = 1 << 20;
    static final int DEPTH = 8;
    static final int BLOCK = 4096;

    private final EngineKind kind;
    private final boolean epoll;

    @TempDir
    Path folder;
    Path image;
    final Random random = new Random(1);
    final byte[] content = new byte[DISK_BYTES];
    final Arena arena = Arena.ofShared();
    final MemorySegment memory = arena.allocate(DISK_BYTES, 4096);
    final IoMemory ioMemory = IoMemory.of(List.of(memory));
    IoThread thread;
    BlockFile file;
    BlockEngine engine;

    /**
     * @param epoll whether its thread has no io_uring
     */
    BlockEngineContract(EngineKind kind, boolean epoll) {
        this.kind = kind;
        this.epoll = epoll;
    }

    /** A thread of the kind that is tested. */
    IoThread start(String name) {
        return IoThread.start(name, epoll ? IoThreadOptions.DEFAULTS.withEpoll() : IoThreadOptions.DEFAULTS);
    }

    /** Linux AIO is no drive's choice with the page cache, but works, if not without waiting. */
    BlockEngine openEngine(LinkOptions options) {
        return kind == EngineKind.NATIVE && !file.cache().isDirect()
            ? new NativeBlockEngine(thread, file, options) : thread.open(file, options);
    }

    @BeforeEach
    void startThread() {
        thread = start("test-io");
    }

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

    final void open(CacheMode cache, boolean readOnly) {
        open(cache, readOnly, false);
    }

    final void open(CacheMode cache, boolean readOnly, boolean registerMemory) {
        open(BlockFile.open(image.toString(), cache, readOnly), registerMemory);
    }

    private void open(BlockFile opened, boolean registerMemory) {
        file = opened;
        LinkOptions options = new LinkOptions(ioMemory, DEPTH, registerMemory, LinkOptions.engineCounters(), kind);
        thread.call(() -> engine = openEngine(options));
    }

    final void closeFile() {
        thread.call(engine::close);
        engine = null;
        file.close();
        file = null;
    }

    private TestIo range(Operation operation, long offset, long byteCount, boolean mayUnmap) {
        return new TestIo(arena).withRange(operation, offset, byteCount, mayUnmap);
    }

    private long counter(EngineCounter counter) {
        return engine.counters().get(counter);
    }

    final TestIo io(Operation operation, long offset, MemorySegment... buffers) {
        return new TestIo(arena).with(operation, offset, buffers);
    }

    static byte[] bytes(MemorySegment segment) {
        return segment.toArray(ValueLayout.JAVA_BYTE);
    }

    final byte[] content(int offset, int length) {
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

    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldScatterAndGather(CacheMode cache) {
        open(cache, false);
        MemorySegment first = memory.asSlice(100, 512);
        MemorySegment second = memory.asSlice(5000, 1024);
        MemorySegment third = memory.asSlice(9000, 2560);

        assertEquals(0, io(Operation.READ, 512, first, second, third).run(thread, engine));

        assertArrayEquals(content(512, 512), bytes(first));
        assertArrayEquals(content(1024, 1024), bytes(second));
        assertArrayEquals(content(2048, 2560), bytes(third));
    }

    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldKeepMoreRequestsThanItHasSlotsFor(CacheMode cache) {
        open(cache, false);
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
    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldFailReadsPastTheEndOfAFileThatWasTruncated(CacheMode cache) throws IOException {
        open(cache, false);
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            channel.truncate(6144);
        }

        assertEquals(-Errno.EIO, io(Operation.READ, 8192, memory.asSlice(0, 4096)).run(thread, engine));
        // Half of it is there: continued, and then nothing.
        assertEquals(-Errno.EIO, io(Operation.READ, 4096, memory.asSlice(0, 4096)).run(thread, engine));
        assertArrayEquals(content(4096, 2048), bytes(memory.asSlice(0, 2048)));
    }

    final void openAnything(Fd fd) {
        open(BlockFile.ofAnything(fd, CacheMode.WRITEBACK, DISK_BYTES), false);
    }

    @Test
    void shouldReportAFullDisk() {
        openAnything(Fd.open("/dev/full", Fd.O_RDWR));

        // Linux AIO does not do this device.
        int expected = kind == EngineKind.NATIVE ? -Errno.EINVAL : -Errno.ENOSPC;
        assertEquals(expected, io(Operation.WRITE, 0, memory.asSlice(0, 4096)).run(thread, engine));
    }

    @Test
    @NeedsTmpfs
    void shouldReportAFullFileSystemAndGoOn() throws IOException {
        try (SmallTmpfs tmpfs = SmallTmpfs.mount(256)) {
            image = tmpfs.folder().resolve("sparse.img");
            sparse(image);
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
            closeFile();
        }
    }

    @Test
    void shouldReportTheKernelsErrno() {
        open(CacheMode.WRITEBACK, true);

        assertEquals(-Errno.EBADF, io(Operation.WRITE, 0, memory.asSlice(0, 512)).run(thread, engine));
    }

    /** Zeroes are exact to the sector, whatever the blocks below; what is beside them stays. */
    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldWriteZeroes(CacheMode cache) throws IOException {
        open(cache, false);

        assertEquals(0, range(Operation.WRITE_ZEROES, 512, 3 * BLOCK, false).run(thread, engine));
        assertEquals(0, range(Operation.WRITE_ZEROES, 65536, 1024, true).run(thread, engine));
        TestIo durable = range(Operation.WRITE_ZEROES, 131072 + 1536, 65536, true);
        durable.setDurable(true);
        assertEquals(0, durable.run(thread, engine));

        assertEquals(3 * BLOCK + 1024 + 65536, counter(EngineCounter.ZEROED_BYTES));
        long givenBack = counter(EngineCounter.DISCARDED_BYTES);
        assertTrue(givenBack == 1024 + 65536 || givenBack == 0, "given back: " + givenBack); // 0: a file system that cannot
        byte[] expected = content.clone();
        Arrays.fill(expected, 512, 512 + 3 * BLOCK, (byte) 0);
        Arrays.fill(expected, 65536, 65536 + 1024, (byte) 0);
        Arrays.fill(expected, 131072 + 1536, 131072 + 1536 + 65536, (byte) 0);
        assertArrayEquals(expected, Files.readAllBytes(image));
    }

    /** What is given back is counted, is given back in fact, and the disk stays as long as it is. */
    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldDiscard(CacheMode cache) throws IOException {
        open(cache, false);
        FileIo.fdatasync(file.number());
        long before = FileIo.fstat(file.number()).allocatedSectors();

        assertEquals(0, range(Operation.DISCARD, 0, DISK_BYTES / 2, false).run(thread, engine));

        long discarded = counter(EngineCounter.DISCARDED_BYTES);
        if (discarded != 0) { // else a file system that cannot
            assertEquals(DISK_BYTES / 2, discarded);
            long after = FileIo.fstat(file.number()).allocatedSectors();
            assertTrue(after < before, before + " sectors, then " + after);
        }
        assertEquals(DISK_BYTES, Files.size(image));
        assertEquals(0, io(Operation.READ, DISK_BYTES - 4096, memory.asSlice(0, 4096)).run(thread, engine));
        assertArrayEquals(content(DISK_BYTES - 4096, 4096), bytes(memory.asSlice(0, 4096)));
    }

    /** A discard of part of a block gives nothing back, and is no error. */
    @Test
    void shouldRoundDiscardsInwards() {
        open(CacheMode.NONE, false);
        int unit = file.directAlignment().offsetBytes();
        long expected = 0;
        for (int bytes = 512; bytes <= 16384; bytes += 512) {
            assertEquals(0, range(Operation.DISCARD, 512, bytes, false).run(thread, engine));
            long start = (512 + unit - 1) / unit * unit;
            expected += Math.max(0, (512 + bytes) / unit * unit - start);
        }
        long discarded = counter(EngineCounter.DISCARDED_BYTES);
        assertTrue(discarded == expected || discarded == 0, discarded + " bytes, not " + expected);
    }

    /** Zeroes are written where the file system has no other way; a discard is a hint. */
    @Test
    @NeedsTmpfs
    void shouldWriteZeroesWhereTheFileSystemHasNoWay() throws IOException {
        try (SmallTmpfs ramfs = SmallTmpfs.mountRamfs()) {
            image = ramfs.folder().resolve("disk.img");
            Files.write(image, content);
            open(CacheMode.WRITETHROUGH, false);
            for (int i = 0; i < 3; i++) { // the first time it finds out
                assertEquals(0, range(Operation.DISCARD, 0, 65536, false).run(thread, engine));
                assertEquals(0, range(Operation.WRITE_ZEROES, 4608 + 65536 * i, 8192, i == 1).run(thread, engine));
                Arrays.fill(content, 4608 + 65536 * i, 4608 + 65536 * i + 8192, (byte) 0);
            }
            assertEquals(0, counter(EngineCounter.DISCARDED_BYTES));
            assertEquals(3 * 8192, counter(EngineCounter.ZEROED_BYTES));
            assertArrayEquals(content, Files.readAllBytes(image));
            closeFile();
        }
    }

    /** Writing zeroes needs room too; giving storage back needs none. */
    @Test
    @NeedsTmpfs
    void shouldReportAFullFileSystemForZeroes() throws IOException {
        try (SmallTmpfs tmpfs = SmallTmpfs.mount(256)) {
            image = tmpfs.folder().resolve("sparse.img");
            sparse(image);
            open(CacheMode.WRITEBACK, false);
            assertEquals(-Errno.ENOSPC, range(Operation.WRITE_ZEROES, 0, DISK_BYTES, false).run(thread, engine));
            assertEquals(0, range(Operation.WRITE_ZEROES, 0, DISK_BYTES, true).run(thread, engine));
            assertEquals(0, io(Operation.WRITE, 65536, memory.asSlice(0, 65536)).run(thread, engine));
            closeFile();
        }
    }

    private static void sparse(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(1), DISK_BYTES - 1);
        }
    }

    @Test
    void shouldRefuseToCloseWithRequestsInFlight() {
        open(CacheMode.WRITEBACK, false);
        TestIo read = io(Operation.READ, 0, memory.asSlice(0, 4096));

        thread.call(() -> {
            engine.submit(read);
            assertEquals(1, engine.inFlight());
            assertThrows(IllegalStateException.class, engine::close);
        });

        assertEquals(0, read.await());
    }

    /** A link that closes in the middle of a turn, where the thread still has the turn's list of engines. */
    @Test
    void shouldCloseFromACompletion() {
        open(CacheMode.WRITEBACK, false);
        BlockEngine closing = engine;
        engine = null;
        TestIo read = io(Operation.READ, 0, memory.asSlice(0, 4096));

        thread.call(() -> {
            read.onReturn((io, result) -> {
                closing.close();
                io.complete(result);
            });
            closing.submit(read);
        });

        assertEquals(0, read.await());
    }

    @ParameterizedTest
    @EnumSource(CacheMode.class)
    void shouldKeepTheDiskAsTheModelHasIt(CacheMode cache) throws IOException {
        byte[] disk = Arrays.copyOf(content, DiskModel.DISK_BYTES);
        Files.write(image, disk);
        open(cache, false);
        long seed = System.nanoTime();
        DiskModel model = new DiskModel(seed, engine, memory, disk);

        model.run(thread, arena, 40);

        model.assertHeldBy(Files.readAllBytes(image));
    }

    /** A disk's memory is in use as long as any link that was opened with it has a request, whoever opened the link. */
    @ParameterizedTest
    @EnumSource(value = CacheMode.class, names = {"NONE", "WRITEBACK"})
    void shouldTellOfMemoryThatTheKernelMayTouch(CacheMode cache) {
        open(cache, false);
        IoMemory more = ioMemory.plus(arena.allocate(4096));
        LinkOptions options = new LinkOptions(more, DEPTH, false, LinkOptions.engineCounters(), engineKind(cache));
        BlockEngine[] other = new BlockEngine[1];
        thread.call(() -> other[0] = thread.open(file, options));
        TestIo[] ios = {io(Operation.READ, 0, memory.asSlice(0, BLOCK)), io(Operation.READ, 0, memory.asSlice(3, 512))};
        thread.call(() -> {
            assertEquals(0, thread.inFlight(ioMemory));
            other[0].submit(ios[0]);
            assertEquals(1, thread.inFlight(ioMemory));
            other[0].submit(ios[1]);
            assertEquals(2, thread.inFlight(ioMemory));
            assertEquals(2, thread.inFlight(more));
            assertEquals(0, thread.inFlight(IoMemory.of(List.of(memory))), "somebody else's");
        });
        assertEquals(0, ios[0].await());
        assertEquals(0, ios[1].await());
        thread.call(() -> {
            assertEquals(0, thread.inFlight(ioMemory));
            other[0].close();
            assertEquals(0, thread.inFlight(ioMemory));
        });
    }

    private EngineKind engineKind(CacheMode cache) {
        return kind == EngineKind.NATIVE && !cache.isDirect() ? EngineKind.THREADS : kind;
    }

    /** Reads and writes, of one buffer and of several, as many as there are slots for. */
    @ParameterizedTest
    @EnumSource(value = CacheMode.class, names = {"NONE", "WRITEBACK"})
    void shouldAllocateNothingForARequest(CacheMode cache) throws InterruptedException {
        open(cache, false);
        Semaphore finished = new Semaphore(0);
        CountedIo[] requests = new CountedIo[DEPTH];
        for (int i = 0; i < DEPTH; i++) {
            requests[i] = new CountedIo(arena, finished);
        }
        Runnable submit = () -> {
            for (int i = 0; i < DEPTH; i++) {
                CountedIo request = requests[i];
                request.begin(i % 2 == 0 ? Operation.READ : Operation.WRITE, (long) BLOCK * 2 * i);
                request.addBuffer(memory.address() + (long) BLOCK * 4 * i, BLOCK);
                if (i % 4 < 2) {
                    request.addBuffer(memory.address() + (long) BLOCK * (4 * i + 2), BLOCK);
                }
                engine.submit(request);
            }
        };

        Allocations.assertNone(thread, 200, () -> {
            thread.execute(submit);
            finished.acquire(DEPTH);
        });
    }

    private static final class CountedIo extends BlockIo {
        private final Semaphore finished;

        CountedIo(Arena arena, Semaphore finished) {
            super(arena.allocate(2L * IOVEC_BYTES, Long.BYTES));
            this.finished = finished;
        }

        @Override
        protected void onComplete(int result) {
            assertEquals(0, result);
            finished.release();
        }

        @Override
        protected void onFailure(Throwable bug) {
            throw new AssertionError(bug);
        }
    }
}
