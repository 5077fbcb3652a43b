// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.linux.Errno;
import dev.miraflores.linux.Fd;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterProperty;
import net.jqwik.api.lifecycle.BeforeProperty;

/** What becomes of ranges on their way to the file. */
class FileRangesProperties {

    private static final int FILE_BYTES = 1 << 20;

    private Path path;
    private Fd file;
    private byte[] content;

    @BeforeProperty
    void makeFile() throws IOException {
        path = Files.createTempFile("ranges", ".img");
        file = Fd.open(path.toString(), Fd.O_RDWR);
        content = new byte[FILE_BYTES];
        new Random(1).nextBytes(content);
    }

    @AfterProperty
    void deleteFile() throws IOException {
        file.close();
        Files.delete(path);
    }

    /** Written by hand, in units of whatever size, zeroes are exact; nothing beside them changes. */
    @Property(tries = 60)
    void shouldWriteExactZeroes(
            @ForAll @IntRange(max = 2047) int firstSector, @ForAll @IntRange(min = 1, max = 2048) int sectors,
            @ForAll @IntRange(max = 3) int unitShift) throws IOException {
        Files.write(path, content);
        int offset = firstSector * 512;
        int length = Math.min(sectors * 512, FILE_BYTES - offset);
        FileRanges ranges = new FileRanges(file.number(), false, 1, 512 << unitShift);
        ranges.cannot(ranges.fallocateMode(Operation.WRITE_ZEROES, true));
        ranges.cannot(ranges.fallocateMode(Operation.WRITE_ZEROES, false));
        assertEquals(FileRanges.NO_MODE, ranges.fallocateMode(Operation.WRITE_ZEROES, true));

        assertEquals(length, ranges.writeZeroes(offset, length, true));

        byte[] expected = content.clone();
        Arrays.fill(expected, offset, offset + length, (byte) 0);
        assertArrayEquals(expected, Files.readAllBytes(path));
        assertEquals(0, ranges.discard(0, 4096), "bytes discarded where nothing can be");
    }

    /** What is given back lies within what was asked for, in whole units, and is less by no more than the two at its ends. */
    @Property
    void shouldRoundDiscardsInwards(
            @ForAll @IntRange(max = 1 << 20) int firstSector, @ForAll @IntRange(min = 1, max = 1 << 20) int sectors,
            @ForAll @IntRange(max = 4) int unitShift) {
        long unit = 512L << unitShift;
        FileRanges ranges = new FileRanges(-1, true, (int) unit, 512);
        BlockIo io = new TestIo(Arena.ofAuto());
        io.beginRange(Operation.DISCARD, firstSector * 512L, sectors * 512L, false);

        long start = ranges.start(io);
        long bytes = ranges.byteCount(io);

        assertEquals(0, bytes % unit);
        assertEquals(0, start % unit);
        assertTrue(bytes == 0
            || start >= io.offset() && start + bytes <= io.offset() + io.byteCount());
        assertTrue(bytes > io.byteCount() - 2 * unit);
        io.beginRange(Operation.WRITE_ZEROES, firstSector * 512L, sectors * 512L, false);
        assertEquals(io.offset(), ranges.start(io));
        assertEquals(io.byteCount(), ranges.byteCount(io));
    }

    @Property(tries = 1)
    void shouldReportWhatIsNoRefusal() {
        FileRanges closed = new FileRanges(-1, false, 1, 1);

        assertEquals(-Errno.EBADF, closed.discard(0, 512));
        assertEquals(-Errno.EBADF, closed.writeZeroes(0, 512, false));
    }
}
