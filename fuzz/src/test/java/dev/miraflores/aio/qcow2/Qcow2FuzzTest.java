// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.aio.BlockLink;
import dev.miraflores.aio.CacheMode;
import dev.miraflores.aio.DriveException;
import dev.miraflores.aio.IoMemory;
import dev.miraflores.aio.LinkOptions;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/** Any bytes as an image, and requests to it: a refusal in one line, or results and errors, each once. */
class Qcow2FuzzTest {

    private static final int FLAG_READ_ONLY = 1;
    private static final int REQUEST_BYTES = 4;
    private static final int MAX_REQUESTS = 64;
    private static final int SECTOR = 512;
    private static final int BUFFER_BYTES = 256 * SECTOR;

    private static final Arena ARENA = Arena.ofShared();
    private static final MemorySegment BUFFER = ARENA.allocate(BUFFER_BYTES, 4096);
    private static final Path FILE = file();

    private static Path file() {
        try {
            Path memory = Path.of("/dev/shm");
            Path path = Files.isWritable(memory) ? Files.createTempFile(memory, "fuzz", ".qcow2")
                : Files.createTempFile("fuzz", ".qcow2");
            path.toFile().deleteOnExit();
            return path;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    static Stream<byte[]> seeds() {
        byte[] requests = new Seed()
            .u8(0, 0, 0, 8).u8(1, 1, 0, 1).u8(1, 9, 0, 20).u8(4, 0, 0, 0).u8(3, 0, 0, 2).u8(2, 8, 0, 9).u8(1, 0, 4, 3)
            .u8(5, 0, 0, 255).u8(0, 0, 0, 255).bytes();
        return Stream.of(
            seed(0, requests, image(3, 9, 4, 1)), seed(0, requests, image(2, 9, 4, 1)),
            seed(FLAG_READ_ONLY, requests, image(3, 9, 4, 1)), seed(0, requests, image(3, 9, 0, 1)),
            seed(0, requests, image(3, 9, 6, 2)), seed(0, requests, image(3, 10, 3, 1)),
            seed(0, new byte[0], "QFI".getBytes(StandardCharsets.US_ASCII)));
    }

    private static byte[] seed(int flags, byte[] requests, byte[] image) {
        return new Seed().u8(flags, requests.length / REQUEST_BYTES).raw(requests).raw(image).bytes();
    }

    /**
     * A disk of 64 KiB: header, L1 table, refcount table, refcount block, L2 table, one cluster of data, one entry each of
     * zeroes and of a compressed cluster.
     *
     * @param dataRefcount 2 as if a snapshot had the data too
     */
    private static byte[] image(int version, int clusterBits, int refcountOrder, int dataRefcount) {
        int cluster = 1 << clusterBits;
        ByteBuffer bytes = ByteBuffer.allocate(7 * cluster);
        bytes.putInt(0, Qcow2Layout.MAGIC).putInt(Qcow2Layout.VERSION, version);
        bytes.putInt(Qcow2Layout.CLUSTER_BITS, clusterBits).putLong(Qcow2Layout.SIZE, 64 << 10);
        bytes.putInt(Qcow2Layout.L1_SIZE, 4).putLong(Qcow2Layout.L1_TABLE_OFFSET, cluster);
        bytes.putLong(Qcow2Layout.REFCOUNT_TABLE_OFFSET, 2L * cluster).putInt(Qcow2Layout.REFCOUNT_TABLE_CLUSTERS, 1);
        if (version >= 3) {
            bytes.putInt(Qcow2Layout.REFCOUNT_ORDER, refcountOrder);
            bytes.putInt(Qcow2Layout.HEADER_LENGTH, Qcow2Layout.V3_HEADER_BYTES);
        }
        bytes.putLong(cluster, 4L * cluster | Qcow2Layout.COPIED);
        bytes.putLong(2 * cluster, 3L * cluster);
        MemorySegment block = MemorySegment.ofBuffer(bytes).asSlice(3L * cluster, cluster);
        RefcountWidth widths = new RefcountWidth(version >= 3 ? refcountOrder : Qcow2Layout.V2_REFCOUNT_ORDER);
        for (int i = 0; i < 7; i++) {
            widths.set(block, 0, i, i == 5 ? dataRefcount : 1);
        }
        bytes.putLong(4 * cluster, 5L * cluster | (dataRefcount == 1 ? Qcow2Layout.COPIED : 0));
        bytes.putLong(4 * cluster + 8, version >= 3 ? Qcow2Layout.ZERO : 0);
        bytes.putLong(4 * cluster + 16, 6L * cluster | Qcow2Layout.COMPRESSED);
        return bytes.array();
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("class:images")
    @Tag("class:length")
    void shouldGiveErrorsAtMost(byte[] bytes) throws IOException {
        FuzzInput input = new FuzzInput(bytes);
        boolean readOnly = (input.u8() & FLAG_READ_ONLY) != 0;
        int requests = input.u8() % MAX_REQUESTS;
        FuzzInput parameters = new FuzzInput(input.take(REQUEST_BYTES * requests));
        Files.write(FILE, input.rest());
        try (Bounds _ = new Bounds()) {
            use(readOnly, requests, parameters);
        }
    }

    private static void use(boolean readOnly, int requests, FuzzInput parameters) {
        try (Qcow2Image image = Qcow2Image.open(FILE.toString(), CacheMode.UNSAFE, readOnly, List.of(), 1, 1)) {
            BlockLink link = image.attachSynchronously(LinkOptions.of(IoMemory.of(List.of(BUFFER)), 4));
            Request request = new Request();
            for (int i = 0; i < requests; i++) {
                request.submit(link, image.byteSize(), parameters);
            }
            link.close();
        } catch (DriveException e) {
            assertFalse(e.getMessage().chars().anyMatch(Character::isISOControl), e.getMessage());
        }
    }

    private static final class Request extends BlockIo {
        private int completions;

        Request() {
            super(ARENA.allocate(2L * IOVEC_BYTES, 8));
        }

        void submit(BlockLink link, long diskBytes, FuzzInput parameters) {
            int kind = parameters.u8() % 6;
            // From the start, or from the end.
            long sector = parameters.u16();
            long sectors = diskBytes / SECTOR;
            long first = (sector & 0x8000) != 0 ? Math.max(0, sectors - 1 - (sector & 0x7fff)) : sector % sectors;
            long count = Math.min(sectors - first, 1 + parameters.u8());
            switch (kind) {
                case 0, 1 -> {
                    begin(kind == 0 ? Operation.READ : Operation.WRITE, first * SECTOR);
                    addBuffer(BUFFER.address(), count * SECTOR);
                }
                case 2, 3 -> beginRange(Operation.WRITE_ZEROES, first * SECTOR, count * SECTOR, kind == 3);
                case 4 -> begin(Operation.FLUSH, 0);
                default -> beginRange(Operation.DISCARD, first * SECTOR, count * SECTOR, true);
            }
            completions = 0;
            link.submit(this);
            assertEquals(1, completions);
        }

        @Override
        protected void onComplete(int result) {
            completions++;
            assertTrue(result <= 0 && result > -4096, "result " + result);
        }

        @Override
        protected void onFailure(Throwable bug) {
            throw new AssertionError("a request failed", bug);
        }
    }
}
