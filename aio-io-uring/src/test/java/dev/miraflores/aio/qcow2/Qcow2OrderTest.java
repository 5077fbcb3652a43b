// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
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
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What must not happen before something else has. */
@NeedsQemuImg
class Qcow2OrderTest {

    private static final int CLUSTER = 65536;
    private static final int PENDING = 1;

    @TempDir
    private Path folder;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory = arena.allocate(4L * CLUSTER, 4096);
    private final ShuffledHome home = new ShuffledHome(new Random(3));

    @AfterEach
    void close() {
        arena.close();
    }

    private BlockLink attach(Qcow2Image image) {
        return image.attach(home, LinkOptions.of(IoMemory.of(List.of(memory)), 8));
    }

    private Qcow2Image open(Path path) {
        return Qcow2Image.open(path.toString(), CacheMode.WRITEBACK, false, List.of());
    }

    private final class Request extends BlockIo {
        private int result = PENDING;

        Request(Operation operation, long offset, MemorySegment buffer) {
            super(arena.allocate(IOVEC_BYTES, 8));
            begin(operation, offset);
            if (buffer != null) {
                addBuffer(buffer.address(), buffer.byteSize());
            }
        }

        Request(Operation operation, long offset, long bytes) {
            super(arena.allocate(IOVEC_BYTES, 8));
            beginRange(operation, offset, bytes, true);
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

    private int run(BlockLink link, Request request) {
        link.submit(request);
        home.drain();
        return request.result;
    }

    /** A write that is late must not land in what has become somebody else's cluster. */
    @Test
    void shouldNotUseAClusterAnewWhileAWriteToItIsUnderWay() {
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "", 1 << 20);
        try (Qcow2Image image = open(path)) {
            BlockLink link = attach(image);
            MemorySegment late = memory.asSlice(0, 4096).fill((byte) 0x11);
            MemorySegment whole = memory.asSlice(CLUSTER, CLUSTER).fill((byte) 0x22);
            assertEquals(0, run(link, new Request(Operation.WRITE, 0, whole)));
            assertEquals(0, run(link, new Request(Operation.FLUSH, 0, null)));

            Request write = new Request(Operation.WRITE, 0, late);
            link.submit(write);
            BlockIo below = home.last();
            Request discard = new Request(Operation.DISCARD, 0, CLUSTER);
            link.submit(discard);
            assertEquals(0, discard.result);
            for (int i = 1; i < 4; i++) {
                Request flush = new Request(Operation.FLUSH, 0, null);
                link.submit(flush);
                home.drainBut(below);
                assertEquals(0, flush.result);
                Request other = new Request(Operation.WRITE, (long) i * CLUSTER, whole);
                link.submit(other);
                home.drainBut(below);
                assertEquals(0, other.result);
            }
            assertEquals(PENDING, write.result);
            home.drain();
            assertEquals(0, write.result);

            for (int i = 1; i < 4; i++) {
                MemorySegment read = memory.asSlice(2L * CLUSTER, CLUSTER).fill((byte) 0);
                assertEquals(0, run(link, new Request(Operation.READ, (long) i * CLUSTER, read)));
                assertEquals(-1, read.mismatch(whole), "cluster " + i);
            }
            link.close();
        }
        QemuImg.check(path);
    }

    /** As long as the image has a request, the guest's memory is in use: in the kernel, or soon. */
    @Test
    void shouldCountWhatItHas() {
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "", 1 << 20);
        try (Qcow2Image image = open(path)) {
            BlockLink link = attach(image);
            assertEquals(0, link.inFlight());
            Request write = new Request(Operation.WRITE, 0, memory.asSlice(0, 4096));
            link.submit(write);
            for (int i = 0; i < 8; i++) {
                link.submit(new Request(Operation.WRITE, 512L * i, memory.asSlice(4096, 512)));
            }
            assertEquals(9, link.inFlight(), "with one that waits for a slot");
            while (write.result == PENDING) {
                assertTrue(link.inFlight() > 0);
                home.step();
            }
            home.drain();
            assertEquals(0, link.inFlight());
            link.close();
        }
    }

    /** And when it is over, the cluster is given out again. */
    @Test
    void shouldUseFreedClustersAnew() throws IOException {
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "", 64 << 20);
        try (Qcow2Image image = open(path)) {
            BlockLink link = attach(image);
            MemorySegment whole = memory.asSlice(0, CLUSTER).fill((byte) 0x22);
            for (int i = 0; i < 500; i++) {
                assertEquals(0, run(link, new Request(Operation.WRITE, (long) i * CLUSTER, whole)));
                assertEquals(0, run(link, new Request(Operation.DISCARD, (long) i * CLUSTER, CLUSTER)));
                assertEquals(0, run(link, new Request(Operation.FLUSH, 0, null)));
            }
            link.close();
        }
        QemuImg.check(path);
        assertTrue(Files.size(path) < 20 * CLUSTER, "bytes " + Files.size(path));
    }

    /** The tables fill up in the middle of a durable write, and are written without a sync behind them. */
    @Test
    void shouldBeDurableAfterADurableWriteWhoseTablesWereWrittenOnTheWay() throws IOException {
        int cluster = 512;
        int tables = 37; // of 48 in the cache: more than three quarters
        long size = (long) tables * cluster / Long.BYTES * cluster;
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "cluster_size=512", size);
        MemorySegment bytes = arena.allocate(size, 4096).fill((byte) 0x44);
        LinkOptions options = LinkOptions.of(IoMemory.of(List.of(bytes)), 8);
        try (Qcow2Image image = Qcow2Image.open(path.toString(), CacheMode.WRITETHROUGH, false, List.of(), 1, 1)) {
            BlockLink link = image.attach(home, options);
            MemorySegment last = bytes.asSlice(size - cluster, cluster);
            assertEquals(0, run(link, new Request(Operation.WRITE, size - cluster, last)));
            assertEquals(0, run(link, new Request(Operation.FLUSH, 0, null)));
            home.watch(path);
            Request write = new Request(Operation.WRITE, 0, bytes);
            write.setDurable(true);
            link.submit(write);
            while (!home.last().isDurable()) {
                home.step();
            }
            // All but the last cluster, which is in place already.
            home.drainBut(home.last());
            home.drain();
            assertEquals(0, write.result);
            link.close();
        }
        Path left = Files.write(folder.resolve("left.qcow2"), home.durable());
        try (Qcow2Image image = open(left)) {
            BlockLink link = image.attach(home, options);
            bytes.fill((byte) 0);
            assertEquals(0, run(link, new Request(Operation.READ, 0, bytes)));
            MemorySegment expected = arena.allocate(size - cluster).fill((byte) 0x44);
            assertEquals(-1, bytes.asSlice(0, size - cluster).mismatch(expected));
            link.close();
        }
    }

    /** A free cluster with a table in it: nothing is written from then on, and the image says so. */
    @Test
    void shouldNotAllocateWhereATableIs() throws IOException {
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "", 1 << 20);
        byte[] bytes = Files.readAllBytes(path);
        ByteBuffer image = ByteBuffer.wrap(bytes);
        int block = (int) image.getLong((int) image.getLong(Qcow2Layout.REFCOUNT_TABLE_OFFSET));
        image.putShort(block, (short) 0); // that of the header
        Files.write(path, bytes);
        try (Qcow2Image opened = open(path)) {
            BlockLink link = attach(opened);
            assertEquals(-Errno.EIO, run(link, new Request(Operation.WRITE, 0, memory.asSlice(0, 4096))));
            assertEquals(-Errno.EIO, run(link, new Request(Operation.FLUSH, 0, null)));
            assertEquals(0, run(link, new Request(Operation.READ, 0, memory.asSlice(0, 4096))));
            link.close();
        }
        byte[] after = Files.readAllBytes(path);
        assertEquals(Qcow2Layout.INCOMPATIBLE_CORRUPT, ByteBuffer.wrap(after).getLong(Qcow2Layout.INCOMPATIBLE_FEATURES));
        assertEquals(0, image.getShort(block));
        assertTrue(QemuImg.run("check", "-r", "all", path.toString()).code() == 0);
    }

    @Test
    void shouldGrowWhileItIsUsed() {
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "", 1 << 20);
        long large = 3L << 30;
        try (Qcow2Image image = open(path)) {
            BlockLink link = attach(image);
            MemorySegment bytes = memory.asSlice(0, 4096).fill((byte) 0x33);
            assertEquals(0, run(link, new Request(Operation.WRITE, (1 << 20) - 4096, bytes)));
            assertEquals(-Errno.EINVAL, run(link, new Request(Operation.WRITE, 1 << 20, bytes)));
            assertEquals(large, image.resize(large));
            assertEquals(large, image.byteSize());
            assertEquals(0, run(link, new Request(Operation.WRITE, large - 4096, bytes)));
            assertEquals(-Errno.EINVAL, run(link, new Request(Operation.WRITE, large, bytes)));
            String refusal = assertThrows(DriveException.class, () -> image.resize(1 << 20)).getMessage();
            assertTrue(refusal.contains("smaller") && refusal.contains("qemu-img resize"), refusal);
            link.close();
        }
        QemuImg.check(path);
        assertTrue(QemuImg.run("info", path.toString()).output().contains(Long.toString(large)));
        try (Qcow2Image image = open(path)) {
            BlockLink link = attach(image);
            MemorySegment read = memory.asSlice(0, 4096).fill((byte) 0);
            assertEquals(0, run(link, new Request(Operation.READ, large - 4096, read)));
            assertEquals(0x33, read.get(ValueLayout.JAVA_BYTE, 4095));
            link.close();
        }
    }

    /** An L2 entry that points to a table: the guest must not get to write there. */
    @Test
    void shouldNotWriteToATableThatAnEntryPointsTo() throws IOException {
        Path path = QemuImg.create(folder.resolve("disk.qcow2"), "", 1 << 20);
        try (Qcow2Image opened = open(path)) {
            BlockLink link = attach(opened);
            assertEquals(0, run(link, new Request(Operation.WRITE, 0, memory.asSlice(0, 4096).fill((byte) 1))));
            link.close();
        }
        ByteBuffer image = ByteBuffer.wrap(Files.readAllBytes(path));
        int l1 = (int) image.getLong(Qcow2Layout.L1_TABLE_OFFSET);
        int l2 = (int) (image.getLong(l1) & Qcow2Layout.OFFSET_MASK);
        image.putLong(l2, l1 | Qcow2Layout.COPIED);
        Files.write(path, image.array());
        try (Qcow2Image opened = open(path)) {
            BlockLink link = attach(opened);
            assertEquals(-Errno.EIO, run(link, new Request(Operation.WRITE, 0, memory.asSlice(0, 4096))));
            link.close();
        }
        assertEquals(image.getLong(l1), ByteBuffer.wrap(Files.readAllBytes(path)).getLong(l1));
        assertEquals(1, memory.get(ValueLayout.JAVA_BYTE, 0));
    }
}
