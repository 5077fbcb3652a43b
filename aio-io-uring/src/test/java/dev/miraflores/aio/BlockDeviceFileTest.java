// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Block devices: what is given back and zeroed, sizes that change, and errors of the medium. */
@NeedsLoopDevice
class BlockDeviceFileTest {

    private static final int DISK_BYTES = 1 << 20;
    private static final int DEPTH = 8;

    @TempDir
    private Path folder;
    private Path below;
    private final byte[] content = new byte[DISK_BYTES];
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory = arena.allocate(DISK_BYTES, 4096);
    private final IoThread thread = IoThread.start("test-io");
    private BlockFile file;
    private BlockEngine engine;

    @BeforeEach
    void fillImage() throws IOException {
        below = folder.resolve("below.img");
        new Random(1).nextBytes(content);
        Files.write(below, content);
    }

    @AfterEach
    void close() {
        thread.close();
        arena.close();
    }

    private void open(LoopDevice device, CacheMode cache, EngineKind kind) {
        file = BlockFile.open(device.path(), cache, false);
        LinkOptions options = new LinkOptions(
            IoMemory.of(List.of(memory)), DEPTH, false, LinkOptions.engineCounters(), kind);
        thread.call(() -> engine = thread.open(file, options));
    }

    private void closeFile() {
        thread.call(engine::close);
        file.close();
    }

    private int range(Operation operation, long offset, long byteCount, boolean mayUnmap) {
        return new TestIo(arena).withRange(operation, offset, byteCount, mayUnmap).run(thread, engine);
    }

    private int transfer(Operation operation, long offset, long byteCount) {
        return new TestIo(arena).with(operation, offset, memory.asSlice(0, byteCount)).run(thread, engine);
    }

    private int flush() {
        return new TestIo(arena).with(Operation.FLUSH, 0).run(thread, engine);
    }

    private byte[] read() {
        assertEquals(0, transfer(Operation.READ, 0, DISK_BYTES));
        return memory.toArray(ValueLayout.JAVA_BYTE);
    }

    /**
     * A disk that has no room for what is in the page cache. The kernel says so once, forgets the pages, and calls the next
     * sync a success: a guest that flushes once more must not believe that (fsync(2)).
     */
    @ParameterizedTest
    @CsvSource({"IO_URING", "THREADS"})
    @NeedsTmpfs
    void shouldNeverFlushAgainWhatASyncHasLost(EngineKind kind) throws IOException {
        try (SmallTmpfs tmpfs = SmallTmpfs.mount(256)) {
            Path sparse = tmpfs.folder().resolve("sparse.img");
            try (RandomAccessFile image = new RandomAccessFile(sparse.toFile(), "rw")) {
                image.setLength(DISK_BYTES);
            }
            try (LoopDevice device = LoopDevice.over(sparse, 512)) {
                open(device, CacheMode.WRITEBACK, kind);
                assertEquals(0, flush());
                assertEquals(0, transfer(Operation.WRITE, 0, DISK_BYTES));
                int lost = flush();
                assertTrue(lost < 0, "a disk of 1 MiB found room in 256 KiB");
                assertEquals(lost, flush());
                assertEquals(lost, flush());
                closeFile();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"NONE,IO_URING,512", "WRITEBACK,IO_URING,512", "DIRECTSYNC,NATIVE,512", "WRITETHROUGH,THREADS,512",
        "NONE,THREADS,4096", "WRITEBACK,THREADS,4096"})
    void shouldDiscardAndZeroDevices(CacheMode cache, EngineKind kind, int sectorBytes) throws IOException {
        try (LoopDevice device = LoopDevice.over(below, sectorBytes)) {
            open(device, cache, kind);
            byte[] expected = content.clone();

            // Whole blocks, with and without giving them back; then parts of blocks, which only writing can do.
            assertEquals(0, range(Operation.WRITE_ZEROES, 65536, 32768, true));
            assertEquals(0, range(Operation.WRITE_ZEROES, 131072, 32768, false));
            assertEquals(0, range(Operation.WRITE_ZEROES, 262144 + 512, 8192, false));
            assertEquals(0, range(Operation.WRITE_ZEROES, 327680 + 512, 1024, true));
            Arrays.fill(expected, 65536, 65536 + 32768, (byte) 0);
            Arrays.fill(expected, 131072, 131072 + 32768, (byte) 0);
            Arrays.fill(expected, 262144 + 512, 262144 + 512 + 8192, (byte) 0);
            Arrays.fill(expected, 327680 + 512, 327680 + 512 + 1024, (byte) 0);
            assertArrayEquals(expected, read());
            assertEquals(2 * 32768 + 8192 + 1024, engine.counters().get(EngineCounter.ZEROED_BYTES));

            // Inwards to whole blocks; what they read as afterwards is the device's affair.
            assertEquals(0, range(Operation.DISCARD, 524288 + 512, 65536, false));
            long whole = sectorBytes == 512 ? 65536 : 65536 - 4096;
            long discarded = engine.counters().get(EngineCounter.DISCARDED_BYTES);
            assertTrue(discarded == whole || discarded == 0, "discarded " + discarded);
            byte[] after = read();
            assertArrayEquals(Arrays.copyOf(expected, 524288), Arrays.copyOf(after, 524288));
            int behind = 524288 + 512 + 65536;
            assertArrayEquals(Arrays.copyOfRange(expected, behind, DISK_BYTES), Arrays.copyOfRange(after, behind, DISK_BYTES));
            closeFile();
        }
    }

    /** The medium is gone below the device: the kernel says EIO, and so do we, until it is back. */
    @ParameterizedTest
    @CsvSource({"NONE,IO_URING", "NONE,NATIVE", "NONE,THREADS", "WRITEBACK,IO_URING", "WRITEBACK,THREADS"})
    void shouldReportErrorsOfTheMedium(CacheMode cache, EngineKind kind) throws IOException {
        try (LoopDevice device = LoopDevice.over(below, 512)) {
            open(device, cache, kind);
            try (FileChannel channel = FileChannel.open(below, StandardOpenOption.WRITE)) {
                channel.truncate(65536);
            }

            assertEquals(-Errno.EIO, transfer(Operation.READ, 524288, 4096));
            assertEquals(0, transfer(Operation.READ, 0, 4096));
            assertArrayEquals(Arrays.copyOf(content, 4096), memory.asSlice(0, 4096).toArray(ValueLayout.JAVA_BYTE));
            closeFile();
        }
    }

    @Test
    void shouldTakeOverTheSizeThatADeviceHasBecome() throws IOException {
        try (LoopDevice device = LoopDevice.over(below, 512)) {
            open(device, CacheMode.NONE, EngineKind.THREADS);
            try (FileChannel channel = FileChannel.open(below, StandardOpenOption.WRITE)) {
                channel.write(java.nio.ByteBuffer.allocate(512), 2L * DISK_BYTES - 512);
            }
            device.reread();

            assertEquals(2L * DISK_BYTES, file.resize(12345 * 512));
            assertEquals(2L * DISK_BYTES, file.byteSize());
            assertEquals(0, transfer(Operation.WRITE, 2L * DISK_BYTES - 4096, 4096));
            closeFile();
        }
    }
}
