// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.mirror;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockFile;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.IoThread;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.linux.Errno;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@Timeout(120)
class MirrorJobTest {

    private static final int DISK_BYTES = 1 << 20;
    private static final MirrorConfig CONFIG = MirrorConfig.DEFAULTS.withGranularity(4096).withChunks(64 * 1024, 4);
    private static final MirrorConfig IMPATIENT = CONFIG.withTargetTimeoutNs(200_000_000);

    @TempDir
    private Path folder;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory = arena.allocate(4 << 20, 4096);
    private final MemoryDisk source = new MemoryDisk(arena, DISK_BYTES, 1);
    private final MemoryDisk target = new MemoryDisk(arena, DISK_BYTES, 2);
    private final List<MirrorState> states = new CopyOnWriteArrayList<>();
    private TestDisk disk;

    @AfterEach
    void close() {
        source.letGo();
        target.letGo();
        if (disk != null) {
            disk.close();
        }
        arena.close();
    }

    private MirrorJob start(MirrorConfig config) {
        source.delay = 0;
        target.delay = 0;
        source.bytes.fill((byte) 0x11);
        target.bytes.fill((byte) 0x77);
        disk = new TestDisk(source, IoMemory.of(List.of(memory)), null, 2, 2);
        return MirrorJob.start(disk, target, config, (job, state) -> states.add(state));
    }

    private MirrorJob ready(MirrorConfig config) throws InterruptedException {
        MirrorJob job = start(config);
        assertTrue(job.awaitReady(60, TimeUnit.SECONDS), () -> job.state() + " " + job.failure());
        return job;
    }

    private static void awaitEnd(MirrorJob job) throws InterruptedException {
        assertTrue(job.awaitEnd(60, TimeUnit.SECONDS), () -> job.toString());
    }

    private final class Io extends BlockIo {
        final CompletableFuture<Integer> result = new CompletableFuture<>();

        Io() {
            super(arena.allocate(16 * IOVEC_BYTES, 8));
        }

        Io transfer(Operation operation, long offset, long bytes) {
            begin(operation, offset);
            addBuffer(memory.address(), bytes);
            return this;
        }

        Io range(Operation operation, long offset, long bytes) {
            beginRange(operation, offset, bytes, true);
            return this;
        }

        Io flush() {
            begin(Operation.FLUSH, 0);
            return this;
        }

        Io on(int queue) {
            disk.queues.get(queue).thread.execute(() -> disk.queues.get(queue).submit(this));
            return this;
        }

        int await() throws Exception {
            return result.get(60, TimeUnit.SECONDS);
        }

        @Override
        protected void onComplete(int outcome) {
            result.complete(outcome);
        }

        @Override
        protected void onFailure(Throwable bug) {
            result.completeExceptionally(bug);
        }
    }

    @Test
    void shouldTellItsStates() throws Exception {
        MirrorJob job = ready(CONFIG);
        assertEquals(new MirrorProgress(MirrorState.READY, DISK_BYTES, DISK_BYTES, 0), job.progress());
        job.stop();
        assertEquals(List.of(MirrorState.CATCHING_UP, MirrorState.READY, MirrorState.STOPPED), states);
        assertArrayEquals(source.content(), target.content());
        assertNull(job.failure());
        job.cancel();
        assertEquals(MirrorState.STOPPED, job.state());
        MirrorException e = assertThrows(MirrorException.class, job::complete);
        assertEquals("drive disk0: mirror to memory: it is not ready but STOPPED", e.getMessage());
    }

    /** More than a piece, at an offset that no granule begins at, in several buffers. */
    @Test
    void shouldWriteLongRequestsToBoth() throws Exception {
        MirrorJob job = ready(CONFIG);
        byte[] random = new byte[DISK_BYTES];
        new Random(3).nextBytes(random);
        memory.asSlice(0, DISK_BYTES).copyFrom(MemorySegment.ofArray(random));
        Io io = new Io();
        io.begin(Operation.WRITE, 512);
        io.addBuffer(memory.address(), 700 * 512);
        io.addBuffer(memory.address() + 701 * 512, 1000 * 512);
        assertEquals(0, io.on(1).await());
        assertArrayEquals(source.content(), target.content());
        assertEquals(0, new Io().range(Operation.WRITE_ZEROES, 1024, 100_352).on(0).await());
        int flushes = target.flushes.get();
        assertEquals(0, new Io().flush().on(0).await());
        assertEquals(flushes + 1, target.flushes.get());
        assertArrayEquals(source.content(), target.content());
        job.cancel();
    }

    /** What was read was there before; the write has completed, and been marked, before the copy of that goes on. */
    @Test
    void shouldCopyAgainWhatWasWrittenBehindAReadsBack() throws Exception {
        source.keepsReads = true;
        MirrorJob job = start(CONFIG);
        while (source.kept() < 4) {
            Thread.sleep(1);
        }
        memory.asSlice(0, 4096).fill((byte) 0x99);
        assertEquals(0, new Io().transfer(Operation.WRITE, 512, 512).on(0).await());
        assertEquals(0, new Io().transfer(Operation.WRITE, 65_536, 4096).on(1).await());
        assertEquals(0, new Io().range(Operation.WRITE_ZEROES, 100_000 & -512, 1024).on(1).await());
        source.letGo();
        assertTrue(job.awaitReady(60, TimeUnit.SECONDS), () -> job.state() + " " + job.failure());
        assertTrue(job.progress().copiedBytes() >= DISK_BYTES + 3 * 4096);
        job.stop();
        assertArrayEquals(source.content(), target.content());
    }

    /** The target took all of it, the source a part, or nothing. */
    @Test
    void shouldCopyWhatTheSourceRefused() throws Exception {
        MirrorJob job = ready(CONFIG);
        source.readsAreFine = true;
        source.faultRate = 1;
        memory.asSlice(0, 8192).fill((byte) 0x99);
        for (int i = 0; i < 20; i++) {
            assertEquals(-Errno.EIO, new Io().transfer(Operation.WRITE, i * 32_768, 8192).on(i & 1).await());
        }
        assertEquals(-Errno.EIO, new Io().range(Operation.WRITE_ZEROES, 700_000 & -512, 8192).on(0).await());
        assertEquals(-Errno.EIO, new Io().range(Operation.DISCARD, 800_000 & -512, 8192).on(0).await());
        job.stop();
        assertArrayEquals(source.content(), target.content());
    }

    @Test
    void shouldEndWhereTheSourceCannotBeRead() throws Exception {
        source.faultRate = 1;
        MirrorJob job = start(CONFIG.withChunks(65_536, 1));
        awaitEnd(job);
        assertEquals("drive disk0: mirror to memory: the source cannot be read: read of 65536 bytes at offset 0: EIO (5)",
            job.failure());
    }

    @Test
    void shouldCompleteWritesOnlyWhenBothHaveThem() throws Exception {
        MirrorJob job = ready(CONFIG);
        target.hangs = true;
        Io write = new Io().transfer(Operation.WRITE, 4096, 4096).on(0);
        Io overlapping = new Io().transfer(Operation.WRITE, 4608, 512).on(1);
        assertEquals(0, new Io().transfer(Operation.READ, 4096, 4096).on(0).await());
        assertFalse(write.result.isDone() || overlapping.result.isDone());
        target.letGo();
        assertEquals(0, write.await());
        assertEquals(0, overlapping.await());
        job.cancel();
    }

    @Test
    void shouldLetTheGuestGoOnWhenTheTargetHangs() throws Exception {
        MirrorJob job = ready(IMPATIENT);
        target.hangs = true;
        List<Io> stuck = new ArrayList<>();
        // More than there are requests for, and overlapping, so that some wait for those that hang.
        for (int i = 0; i < 300; i++) {
            stuck.add(new Io().transfer(Operation.WRITE, (i % 64) * 4096L, 4096).on(i & 1));
        }
        stuck.add(new Io().flush().on(0));
        stuck.add(new Io().range(Operation.WRITE_ZEROES, 0, DISK_BYTES).on(1));
        stuck.add(new Io().transfer(Operation.WRITE, 0, DISK_BYTES).on(1));
        for (Io io : stuck) {
            assertEquals(0, io.await());
        }
        awaitEnd(job);
        assertEquals(MirrorState.FAILED, job.state());
        assertTrue(job.failure().matches("drive disk0: mirror to memory: .* has not completed within 200 ms"), job.failure());
        assertFalse(disk.hasStage());
        assertFalse(target.closed, "while it has our memory");
        target.letGo();
        for (int i = 0; i < 600 && !target.closed; i++) {
            Thread.sleep(50);
        }
        assertTrue(target.closed);
        assertEquals(0, target.openLinks.get());
    }

    @Test
    void shouldFailWhenTheTargetHangsWhileCopying() throws Exception {
        target.hangs = true;
        MirrorJob job = start(IMPATIENT);
        // None of its business.
        assertEquals(0, new Io().transfer(Operation.WRITE, 0, 4096).on(0).await());
        assertEquals(0, new Io().flush().on(1).await());
        awaitEnd(job);
        assertTrue(job.failure().endsWith("has not completed within 200 ms"), job.failure());
    }

    @Test
    void shouldCancelThoughTheTargetHangs() throws Exception {
        MirrorJob job = ready(IMPATIENT.withTargetTimeoutNs(1_000_000_000));
        target.hangs = true;
        Io write = new Io().transfer(Operation.WRITE, 0, 4096).on(0);
        job.cancel();
        assertEquals(0, write.await());
        assertEquals(MirrorState.CANCELLED, job.state());
    }

    @Test
    void shouldSayWhatTheTargetSaid() throws Exception {
        MirrorJob job = ready(CONFIG);
        target.errno = Errno.ENOSPC;
        target.faultRate = 1;
        assertEquals(0, new Io().transfer(Operation.WRITE, 8192, 512).on(0).await());
        awaitEnd(job);
        assertEquals("drive disk0: mirror to memory: write of 512 bytes at offset 8192: ENOSPC (28)", job.failure());
        MirrorException e = assertThrows(MirrorException.class, job::stop);
        assertEquals(job.failure(), e.getMessage());
    }

    @Test
    void shouldCopyDiscardsAsTheSourceHasThem() throws Exception {
        for (boolean ignores : new boolean[] {true, false}) {
            target.closed = false;
            source.ignoresDiscards = ignores;
            MirrorJob job = ready(CONFIG);
            assertEquals(0, new Io().range(Operation.DISCARD, 8192, 65_536).on(0).await());
            job.stop();
            assertArrayEquals(source.content(), target.content());
            assertEquals(ignores ? 0x11 : 0, target.content()[8192]);
            if (ignores) {
                disk.close();
                source.closed = false;
            }
        }
    }

    @Test
    void shouldEndWhenTheDiskIsResized() throws Exception {
        MirrorJob job = ready(CONFIG);
        disk.byteSize += 512;
        assertThrows(MirrorException.class, job::complete);
        assertEquals("drive disk0: mirror to memory: the disk was resized from 1048576 to 1049088 bytes; start it again",
            job.failure());
        assertSame(source, disk.backend());
        assertFalse(disk.hasStage());
    }

    /** The call is refused, the mirror goes on. */
    @Test
    void shouldStayReadyWhenTheDiskDoesNotBecomeStill() throws Exception {
        MirrorJob job = ready(CONFIG);
        disk.refusesToBeStill = true;
        MirrorException e = assertThrows(MirrorException.class, job::stop);
        assertEquals("drive disk0: mirror to memory: the disk did not become still", e.getMessage());
        assertEquals(MirrorState.READY, job.state());
        disk.refusesToBeStill = false;
        assertEquals(0, new Io().transfer(Operation.WRITE, 0, 4096).on(0).await());
        job.complete();
        assertSame(target, disk.backend());
        assertTrue(source.closed);
    }

    @Test
    void shouldKeepToItsLimit() throws Exception {
        MirrorJob job = start(CONFIG.withBytesPerSecond(1));
        assertFalse(job.awaitReady(200, TimeUnit.MILLISECONDS));
        assertTrue(job.progress().copiedBytes() <= 64 * 1024);
        job.setBytesPerSecond(0);
        assertTrue(job.awaitReady(60, TimeUnit.SECONDS));
        job.stop();
    }

    @Test
    void shouldRefuseATargetThatIsTooSmall() {
        disk = new TestDisk(source, IoMemory.NONE, null, 1, 1);
        MemoryDisk small = new MemoryDisk(arena, DISK_BYTES - 512, 1);
        MirrorException e = assertThrows(MirrorException.class,
            () -> MirrorJob.start(disk, small, CONFIG, MirrorListener.NONE));
        assertEquals("drive disk0: mirror to memory: it has 1048064 bytes, the disk has 1048576; lengthen it with:"
            + " truncate -s 1048576 memory", e.getMessage());
        assertTrue(small.closed);
    }

    @Test
    void shouldLeaveNothingBehindWhereItCannotBegin() {
        disk = new TestDisk(source, IoMemory.NONE, null, 1, 1);
        disk.refusesToBeStill = true;
        assertThrows(IllegalStateException.class, () -> MirrorJob.start(disk, target, CONFIG, MirrorListener.NONE));
        assertTrue(target.closed);
        assertEquals(0, target.openLinks.get());
        assertEquals(1, source.openLinks.get());
    }

    /** Of a file's own. */
    private Path image(String name, int seed, long bytes) throws IOException {
        Path path = folder.resolve(name);
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(bytes);
            byte[] part = new byte[300_000];
            new Random(seed).nextBytes(part);
            file.seek(1 << 20);
            file.write(part);
            file.seek(5 << 20);
            file.write(part);
        }
        return path;
    }

    @ParameterizedTest
    @EnumSource
    void shouldMirrorFilesWithHoles(EngineKind kind) throws Exception {
        Path from = image("from", 1, 64 << 20);
        Path to = folder.resolve("to");
        try (RandomAccessFile file = new RandomAccessFile(to.toFile(), "rw")) {
            file.setLength((64 << 20) + 4096);
            byte[] junk = new byte[300_000];
            Arrays.fill(junk, (byte) 0x33);
            file.seek(3 << 20);
            file.write(junk);
        }
        CacheMode cache = kind == EngineKind.NATIVE ? CacheMode.NONE : CacheMode.WRITEBACK;
        try {
            disk = new TestDisk(MirrorTarget.file(from.toString(), cache), IoMemory.of(List.of(memory)), kind, 2, 2);
        } catch (RuntimeException e) {
            System.out.println("SKIPPED shouldMirrorFilesWithHoles " + kind + ": " + e.getMessage());
            return;
        }
        MirrorException same = assertThrows(MirrorException.class, () -> {
            // A file system without locks would let it be opened.
            MirrorTarget itself = new MirrorTarget.OfFile(disk.rawFile());
            MirrorJob.start(disk, new Unclosed(itself), MirrorConfig.DEFAULTS, MirrorListener.NONE);
        });
        assertTrue(same.getMessage().endsWith("that is the disk itself; name another file"), same.getMessage());
        assertThrows(DriveException.class, () -> MirrorTarget.file(from.toString(), cache));
        MirrorJob job = MirrorJob.start(
            disk, MirrorTarget.file(to.toString(), cache), MirrorConfig.DEFAULTS, MirrorListener.NONE);
        memory.asSlice(0, 1 << 16).fill((byte) 0x55);
        assertEquals(0, new Io().transfer(Operation.WRITE, 2 << 20, 1 << 16).on(0).await());
        assertTrue(job.awaitReady(60, TimeUnit.SECONDS), () -> job.state() + " " + job.failure());
        assertEquals(0, new Io().transfer(Operation.WRITE, 4 << 20, 1 << 16).on(1).await());
        assertEquals(0, new Io().range(Operation.DISCARD, 5 << 20, 1 << 16).on(1).await());
        job.complete();
        memory.asSlice(0, 512).fill((byte) 0x66);
        assertEquals(0, new Io().transfer(Operation.WRITE, 6 << 20, 512).on(1).await());
        disk.close();
        disk = null;
        byte[] expected = Files.readAllBytes(from);
        Arrays.fill(expected, 6 << 20, (6 << 20) + 512, (byte) 0x66);
        assertArrayEquals(expected, Arrays.copyOf(Files.readAllBytes(to), 64 << 20));
        long sectors = blocks(to);
        assertTrue(sectors * 512 < 4 << 20, "allocated sectors: " + sectors);
    }

    private static long blocks(Path path) throws Exception {
        Process stat = new ProcessBuilder("stat", "-c", "%b", path.toString()).start();
        return Long.parseLong(new String(stat.getInputStream().readAllBytes()).trim());
    }

    /** Whose file is somebody else's. */
    private record Unclosed(MirrorTarget of) implements MirrorTarget {
        @Override
        public long byteSize() {
            return of.byteSize();
        }

        @Override
        public int writeUnitBytes() {
            return of.writeUnitBytes();
        }

        @Override
        public boolean isSame(BlockFile file) {
            return of.isSame(file);
        }

        @Override
        public BlockLink attach(IoThread thread, LinkOptions options) {
            return of.attach(thread, options);
        }

        @Override
        public void close() {
        }
    }
}
