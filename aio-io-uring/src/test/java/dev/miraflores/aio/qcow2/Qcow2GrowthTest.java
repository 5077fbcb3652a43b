// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.linux.Errno;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A refcount table that has to grow, on a disk that fails while it does. */
@NeedsQemuImg
class Qcow2GrowthTest {

    /** With refcounts of 64 bits a table of one cluster is for 64 times 64 clusters: 2 MiB. */
    private static final String SMALL = "cluster_size=512,refcount_bits=64";
    private static final int DISK = 6 << 20;
    private static final int STEP = 16 * 1024;
    private static final int PENDING = 1;

    /** What fails, and what has happened when it did. */
    enum Fault {
        /** Before anything of it is on the disk. */
        HEADER_UNWRITTEN(Fault::isHeader, false),
        /** It is on the disk, and nobody knows. */
        HEADER_WRITTEN(Fault::isHeader, true),
        SYNC_UNDONE(new AfterHeader(), false),
        SYNC_DONE(new AfterHeader(), true);

        final Predicate<BlockIo> what;
        final boolean isDone;

        Fault(Predicate<BlockIo> what, boolean isDone) {
            this.what = what;
            this.isDone = isDone;
        }

        static boolean isHeader(BlockIo io) {
            return io.operation() == Operation.WRITE && io.offset() == Qcow2Layout.REFCOUNT_TABLE_OFFSET;
        }
    }

    /** The sync that follows the header. */
    private static final class AfterHeader implements Predicate<BlockIo> {
        private boolean armed;

        @Override
        public boolean test(BlockIo io) {
            boolean fails = armed && io.operation() == Operation.FLUSH;
            armed = Fault.isHeader(io);
            return fails;
        }
    }

    @TempDir
    private Path folder;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory = arena.allocate(DISK, 4096);
    private final ShuffledHome home = new ShuffledHome(new Random(3));
    private Path path;
    private int written;
    private int faults;

    @AfterEach
    void close() {
        arena.close();
    }

    private final class Request extends BlockIo {
        private int result = PENDING;

        Request(Operation operation, long offset, long bytes) {
            super(arena.allocate(IOVEC_BYTES, 8));
            begin(operation, offset);
            if (bytes != 0) {
                addBuffer(memory.address() + offset, bytes);
            }
        }

        @Override
        protected void onComplete(int outcome) {
            result = outcome;
        }

        @Override
        protected void onFailure(Throwable bug) {
            throw new AssertionError(bug);
        }
    }

    private int run(BlockLink link, Operation operation, long offset, long bytes) {
        Request request = new Request(operation, offset, bytes);
        link.submit(request);
        home.drain();
        return request.result;
    }

    private Qcow2Image open() {
        return Qcow2Image.open(path.toString(), CacheMode.WRITEBACK, false, List.of());
    }

    private BlockLink attach(Qcow2Image image) {
        return image.attach(home, LinkOptions.of(IoMemory.of(List.of(memory)), 8));
    }

    private void create() throws IOException {
        path = QemuImg.create(folder.resolve("disk.qcow2"), SMALL, DISK);
        home.watch(path);
        for (long at = 0; at < DISK; at += Long.BYTES) {
            memory.set(ValueLayout.JAVA_LONG, at, at * 0x9E37_79B9_7F4A_7C15L);
        }
    }

    /** Writes on until a write fails; answers whether one did. */
    private boolean writeUntilFault(BlockLink link) {
        while (written < DISK) {
            int result = run(link, Operation.WRITE, written, STEP);
            if (result != 0) {
                assertEquals(-Errno.EIO, result);
                return true;
            }
            written += STEP;
        }
        return false;
    }

    private void fail(Fault fault, int times) {
        faults = times;
        home.failedAreDone = fault.isDone;
        home.fails = io -> fault.what.test(io) && --faults >= 0;
    }

    private void checkWreck() throws IOException {
        QemuImg.checkButLeaks(Files.write(folder.resolve("wreck.qcow2"), home.kill()));
        QemuImg.checkButLeaks(Files.write(folder.resolve("wreck.qcow2"), home.durable()));
        QemuImg.checkButLeaks(Files.write(folder.resolve("wreck.qcow2"), home.crash()));
    }

    private long tableOffset() throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(path)).getLong(Qcow2Layout.REFCOUNT_TABLE_OFFSET);
    }

    @Test
    void shouldGrowTheTable() throws IOException {
        create();
        long before = tableOffset();
        try (Qcow2Image image = open()) {
            BlockLink link = attach(image);
            writeUntilFault(link);
            assertEquals(DISK, written);
            link.close();
        }
        assertNotEquals(before, tableOffset(), "nothing grew: the test tests nothing");
        check();
    }

    /** It is tried again, with the guest's next write, and nothing is wrong at any moment in between. */
    @ParameterizedTest
    @EnumSource(Fault.class)
    void shouldGrowAfterAllWhenTheDiskHasRecovered(Fault fault) throws IOException {
        create();
        try (Qcow2Image image = open()) {
            BlockLink link = attach(image);
            fail(fault, 2);
            for (int i = 0; i < 2; i++) {
                assertTrue(writeUntilFault(link));
                checkWreck();
                assertEquals(0, run(link, Operation.FLUSH, 0, 0), "what was written before can be flushed");
                checkWreck();
            }
            writeUntilFault(link);
            assertEquals(DISK, written);
            assertEquals(0, run(link, Operation.FLUSH, 0, 0));
            checkWreck();
            link.close();
        }
        check();
    }

    /** The image is closed before anything was tried again. */
    @ParameterizedTest
    @EnumSource(Fault.class)
    void shouldLeaveAValidImageWhenItIsClosedBetween(Fault fault) throws IOException {
        create();
        try (Qcow2Image image = open()) {
            BlockLink link = attach(image);
            fail(fault, 1);
            assertTrue(writeUntilFault(link));
            link.close();
        }
        QemuImg.check(path);
        assertReads();
    }

    /** The disk does not recover: neither table is cut off the file. */
    @ParameterizedTest
    @EnumSource(Fault.class)
    void shouldLeaveAValidImageWhenTheDiskNeverRecovers(Fault fault) throws IOException {
        create();
        try (Qcow2Image image = open()) {
            BlockLink link = attach(image);
            fail(fault, Integer.MAX_VALUE);
            for (int i = 0; i < 3; i++) {
                assertTrue(writeUntilFault(link));
            }
            assertEquals(0, run(link, Operation.FLUSH, 0, 0));
            link.close();
        }
        QemuImg.checkButLeaks(path);
        assertReads();
    }

    private void assertReads() {
        MemorySegment expected = arena.allocate(written).copyFrom(memory.asSlice(0, written));
        memory.fill((byte) 0);
        try (Qcow2Image image = open()) {
            BlockLink link = attach(image);
            assertEquals(0, run(link, Operation.READ, 0, written));
            assertEquals(-1, memory.asSlice(0, written).mismatch(expected));
            link.close();
        }
    }

    private void check() {
        QemuImg.check(path);
        QemuImg.compare(path, memory.toArray(ValueLayout.JAVA_BYTE));
    }
}
