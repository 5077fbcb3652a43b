// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.aio.BlockIo.Operation;
import dev.miraflores.devices.block.BlockRequest.Verdict;
import dev.miraflores.memory.DirtyLog;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a driver may put into a chain, and what becomes of it (virtio 1.3 §5.2.6). */
class BlockRequestTest {

    private static final int QUEUE_SIZE = 64;
    private static final int MEMORY_BYTES = 64 << 20;
    private static final long HEADER = 0x10000;
    private static final long STATUS = 0x11000;
    private static final long DATA = 0x20000;
    private static final long CAPACITY = 1L << 32;

    private final GuestMemory memory = GuestMemory.anonymous(MEMORY_BYTES);
    private final MemorySegment ram = memory.regions().getFirst().segment();
    private final QueueGeometry geometry = new QueueGeometry(QUEUE_SIZE, 0, 0x4000, 0x6000);
    private final VirtqueueDriver driver = VirtqueueDriver.create(memory, geometry, RingFeatures.VERSION_1);
    private final Virtqueue ring = Virtqueue.create(memory, geometry, RingFeatures.VERSION_1);
    private final BufferElements elements = new BufferElements();
    private final Arena arena = Arena.ofAuto();
    private final BlockRequest request =
        new BlockRequest(null, arena.allocate((long) BlockIo.IOVEC_BYTES * QUEUE_SIZE, Long.BYTES));

    @AfterEach
    @AfterProperty
    void close() {
        memory.close();
    }

    private void header(int type, long sector) {
        ram.set(ValueLayout.JAVA_INT, HEADER, type);
        ram.set(ValueLayout.JAVA_LONG, HEADER + 8, sector);
        elements.clear().readable(HEADER, 16);
    }

    private Verdict parse(boolean readOnly) {
        driver.add(elements);
        driver.publish();
        DescriptorChain chain = ring.popChain();
        Verdict verdict = request.parse(chain, memory, new DiskRules(CAPACITY, readOnly, true, true, true));
        ring.addUsed(chain.head(), 0);
        ring.publish();
        driver.pollUsed();
        return verdict;
    }

    private Verdict parse() {
        return parse(false);
    }

    @Test
    void shouldPointAtTheDataOfARead() {
        header(BlockDriver.IN, 100);
        elements.writable(DATA, 512).writable(DATA + 4096, 1024).writable(STATUS, 1);

        assertEquals(Verdict.SUBMIT, parse());
        assertEquals(Operation.READ, request.operation());
        assertEquals(100 * 512, request.offset());
        assertEquals(1536, request.byteCount());
        assertEquals(2, request.bufferCount());
        assertEquals(ram.address() + DATA + 4096, request.bufferAddress(1));
        assertEquals(1537, request.answer(BlockStatus.OK));
        assertEquals(0, ram.get(ValueLayout.JAVA_BYTE, STATUS));
        assertEquals(0, request.answer(BlockStatus.IOERR));
        assertEquals(1, ram.get(ValueLayout.JAVA_BYTE, STATUS));
    }

    @Test
    void shouldPointAtTheDataOfAWriteBehindTheHeader() {
        header(BlockDriver.OUT, 7);
        elements.clear().readable(HEADER, 10).readable(HEADER + 10, 6 + 100).readable(DATA, 412).writable(STATUS, 1);

        assertEquals(Verdict.SUBMIT, parse());
        assertEquals(Operation.WRITE, request.operation());
        assertEquals(512, request.byteCount());
        assertEquals(ram.address() + HEADER + 16, request.bufferAddress(0));
        assertEquals(100, request.bufferLength(0));
        assertEquals(ram.address() + DATA, request.bufferAddress(1));
        assertEquals(1, request.answer(BlockStatus.OK));
    }

    /** A header in more parts than one, of which none is data. */
    @Test
    void shouldSkipAHeaderInSeveralElements() {
        header(BlockDriver.OUT, 7);
        elements.clear().readable(HEADER, 3).readable(HEADER + 3, 8).readable(HEADER + 11, 5).readable(DATA, 512)
            .writable(STATUS, 1);

        assertEquals(Verdict.SUBMIT, parse());
        assertEquals(1, request.bufferCount());
        assertEquals(ram.address() + DATA, request.bufferAddress(0));
        assertEquals(512, request.bufferLength(0));
    }

    @Test
    void shouldBeDoneWithARequestOfNoData() {
        header(BlockDriver.IN, 7);
        elements.writable(STATUS, 1);
        assertEquals(Verdict.DONE, parse());
    }

    /** Elements of no bytes are legal, behind the status too. */
    @Test
    void shouldPutTheStatusIntoTheLastElementThatHasBytes() {
        header(BlockDriver.IN, 7);
        elements.writable(DATA, 512).writable(STATUS, 1).writable(0, 0).writable(DATA + 2048, 0);
        ram.set(ValueLayout.JAVA_BYTE, DATA + 2047, (byte) 77);
        ram.set(ValueLayout.JAVA_BYTE, STATUS, (byte) 77);

        assertEquals(Verdict.SUBMIT, parse());
        assertEquals(513, request.answer(BlockStatus.OK));
        assertEquals(0, ram.get(ValueLayout.JAVA_BYTE, STATUS));
        assertEquals(77, ram.get(ValueLayout.JAVA_BYTE, DATA + 2047));
    }

    private BitSet pagesLogged() {
        MemorySegment bitmap = arena.allocate(MEMORY_BYTES / 4096 / 8, Long.BYTES);
        request.logWrites(new DirtyLog(bitmap), memory);
        return BitSet.valueOf(bitmap.toArray(ValueLayout.JAVA_BYTE));
    }

    private static BitSet pages(long... gpas) {
        BitSet pages = new BitSet();
        for (long gpa : gpas) {
            pages.set((int) (gpa >>> 12));
        }
        return pages;
    }

    /** What it wrote, or may have, and nothing of what an earlier request has left in the slot. */
    @Test
    void shouldLogWhatItWrites() {
        header(BlockDriver.IN, 7);
        elements.writable(DATA, 512).writable(DATA + 0x2000, 512).writable(DATA + 0x5E00, 1024).writable(STATUS, 1);
        assertEquals(Verdict.SUBMIT, parse());
        assertEquals(pages(DATA, DATA + 0x2000, DATA + 0x5000, DATA + 0x6000, STATUS), pagesLogged());

        header(BlockDriver.IN, 7);
        elements.writable(DATA + 0x8000, 512).writable(STATUS, 1);
        assertEquals(Verdict.SUBMIT, parse());
        assertEquals(pages(DATA + 0x8000, STATUS), pagesLogged());

        header(BlockDriver.IN, CAPACITY);
        elements.writable(DATA, 512).writable(STATUS + 0x1000, 1);
        assertEquals(Verdict.REFUSED, parse());
        assertEquals(pages(STATUS + 0x1000), pagesLogged());

        header(BlockDriver.OUT, 7);
        elements.readable(DATA, 512).writable(STATUS, 1);
        assertEquals(Verdict.SUBMIT, parse());
        assertEquals(pages(STATUS), pagesLogged());
    }

    private void range(int index, long sector, int sectors, int flags) {
        ram.set(ValueLayout.JAVA_LONG, DATA + 16L * index, sector);
        ram.set(ValueLayout.JAVA_INT, DATA + 16L * index + 8, sectors);
        ram.set(ValueLayout.JAVA_INT, DATA + 16L * index + 12, flags);
    }

    private Verdict parseRanges(int type, int count) {
        header(type, 0);
        elements.readable(DATA, 16L * count).writable(STATUS, 1);
        return parse();
    }

    /** Ranges are those of this request, and none that an earlier one has left in the slot. */
    @Test
    void shouldGoThroughItsOwnRangesAlone() {
        range(0, 0, 8, 0);
        range(1, 100, 8, 0);
        assertEquals(Verdict.SUBMIT, parseRanges(BlockDriver.WRITE_ZEROES, 2));
        range(1, CAPACITY, 8, 2);
        assertEquals(Verdict.UNSUPPORTED, parseRanges(BlockDriver.WRITE_ZEROES, 2));

        assertEquals(Verdict.SUBMIT, parseRanges(BlockDriver.WRITE_ZEROES, 1));
        assertEquals(8 * 512, request.wholeBytes());
        assertTrue(request.hasRanges());
        assertFalse(request.nextRange());

        header(BlockDriver.IN, 7);
        elements.writable(DATA, 512).writable(STATUS, 1);
        assertEquals(Verdict.SUBMIT, parse());
        assertEquals(512, request.wholeBytes());
        assertFalse(request.hasRanges());
    }

    @Test
    void shouldTakeTheLongestRangeAndRefuseALongerOne() {
        range(0, 0, BlockRequest.MAX_RANGE_SECTORS, 0);
        assertEquals(Verdict.SUBMIT, parseRanges(BlockDriver.DISCARD, 1));
        range(0, 0, BlockRequest.MAX_RANGE_SECTORS + 1, 0);
        assertEquals(Verdict.REFUSED, parseRanges(BlockDriver.DISCARD, 1));
        assertEquals(BlockFault.RANGE_TOO_LARGE, request.fault());
    }

    /** What the driver changes after the chain was walked changes nothing (time of check, time of use). */
    @Test
    @Tag("class:queue-frozen")
    void shouldReadTheHeaderOnce() {
        header(BlockDriver.IN, 3);
        elements.writable(DATA, 512).writable(STATUS, 1);
        assertEquals(Verdict.SUBMIT, parse());
        ram.set(ValueLayout.JAVA_LONG, HEADER + 8, CAPACITY + 1);
        ram.set(ValueLayout.JAVA_INT, HEADER, BlockDriver.OUT);

        assertEquals(3 * 512, request.offset());
        assertEquals(Operation.READ, request.operation());
    }

    @Test
    void shouldRefuseWritesWhenReadOnly() {
        header(BlockDriver.OUT, 0);
        elements.readable(DATA, 512).writable(STATUS, 1);
        assertEquals(Verdict.REFUSED, parse(true));
        assertEquals(BlockFault.READ_ONLY, request.fault());
    }

    /** The same memory again and again, on a disk that is large enough (CVE-2011-1750's class). */
    @Test
    @Tag("class:length")
    void shouldRefuseMoreThanTwoGibibytes() {
        header(BlockDriver.IN, 0);
        for (int i = 0; i < 31; i++) {
            elements.writable(0, MEMORY_BYTES);
        }
        elements.writable(0, MEMORY_BYTES - 512).writable(STATUS, 1);
        assertEquals(Verdict.SUBMIT, parse(), "2 GiB less a sector are fine");
        assertEquals(0x7FFF_FE00L, request.byteCount());

        header(BlockDriver.IN, 0);
        for (int i = 0; i < 32; i++) {
            elements.writable(0, MEMORY_BYTES);
        }
        elements.writable(STATUS, 1);
        assertEquals(Verdict.REFUSED, parse());
        assertEquals(BlockFault.LENGTH_TOO_LARGE, request.fault());
    }

    @Test
    void shouldTakeAFlushWhateverElseIsThere() {
        header(BlockDriver.FLUSH, -1);
        elements.readable(DATA, 77).writable(DATA, 11).writable(STATUS, 1);
        assertEquals(Verdict.SUBMIT, parse());
        assertEquals(Operation.FLUSH, request.operation());
        assertEquals(0, request.answer(BlockStatus.OK), "what precedes the status was not written");
    }

    /** Ranges of any kind, split anywhere, against the rules of §5.2.6.2 said once more. */
    @Property(tries = 2000)
    @net.jqwik.api.Tag("virtio:5.2.6.2/unknown-flags")
    @net.jqwik.api.Tag("virtio:5.2.6.2/discard-unmap")
    void shouldJudgeRangesAsTheSpecificationDoes(@ForAll long seed) {
        Random random = new Random(seed);
        boolean zeroes = random.nextBoolean();
        int count = random.nextInt(random.nextInt(4) == 0 ? 40 : 5);
        int bytes = 16 * count + (random.nextInt(8) == 0 ? random.nextInt(16) : 0);
        header(zeroes ? BlockDriver.WRITE_ZEROES : BlockDriver.DISCARD, random.nextLong());
        Verdict expected = bytes == 0 || bytes % 16 != 0 || count > BlockRequest.MAX_RANGES ? Verdict.REFUSED : null;
        long total = 0;
        List<long[]> ranges = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long sector = random.nextInt(10) == 0 ? random.nextLong() : CAPACITY - random.nextInt(5000);
            int sectors = random.nextInt(10) == 0 ? random.nextInt() : random.nextInt(30);
            int flags = random.nextInt(10) == 0 ? random.nextInt(4) : random.nextInt(3) == 0 && zeroes ? 1 : 0;
            ram.set(ValueLayout.JAVA_LONG, DATA + 16L * i, sector);
            ram.set(ValueLayout.JAVA_INT, DATA + 16L * i + 8, sectors);
            ram.set(ValueLayout.JAVA_INT, DATA + 16L * i + 12, flags);
            long length = sectors & 0xFFFF_FFFFL;
            boolean inside = sector >= 0 && sector <= CAPACITY - length && length <= 0x3FFFFF;
            if (expected == null && (flags & ~(zeroes ? 1 : 0)) != 0) {
                expected = Verdict.UNSUPPORTED;
            } else if (expected == null && !inside) {
                expected = Verdict.REFUSED;
            }
            total += length * 512;
            if (length != 0) {
                ranges.add(new long[] {sector * 512, length * 512, flags});
            }
        }
        int split = random.nextInt(bytes + 1);
        elements.readable(DATA, split).readable(DATA + split, bytes - split).writable(STATUS, 1);

        assertEquals(expected != null ? expected : ranges.isEmpty() ? Verdict.DONE : Verdict.SUBMIT, parse());
        if (expected == null && !ranges.isEmpty()) {
            // What the driver changes afterwards changes nothing.
            ram.asSlice(DATA, bytes).fill((byte) 0xFF);
            for (long[] range : ranges) {
                assertEquals(zeroes ? Operation.WRITE_ZEROES : Operation.DISCARD, request.operation());
                assertEquals(range[0], request.offset());
                assertEquals(range[1], request.byteCount());
                assertEquals(range[2] == 1, request.mayUnmap());
                assertEquals(range != ranges.getLast(), request.nextRange());
            }
            assertEquals(total, request.wholeBytes());
        }
    }

    /** Any chain of any elements: never an exception, and never a buffer outside of what the chain gave. */
    @Property(tries = 2000)
    void shouldNeverPointOutsideTheChain(
            @ForAll @IntRange(min = -1, max = 20) int type, @ForAll long sector,
            @ForAll @Size(min = 1, max = 10) int[] lengths, @ForAll @IntRange(min = 0, max = 10) int readable,
            @ForAll boolean smallSector, @ForAll boolean readOnly) {
        ram.set(ValueLayout.JAVA_INT, DATA, type);
        ram.set(ValueLayout.JAVA_LONG, DATA + 8, smallSector ? Math.floorMod(sector, CAPACITY + 10) : sector);
        elements.clear();
        long at = DATA;
        long readableBytes = 0;
        long writableBytes = 0;
        for (int i = 0; i < lengths.length; i++) {
            int length = switch (Math.floorMod(lengths[i], 4)) {
                case 0 -> 512 * Math.floorMod(lengths[i] >> 2, 8);
                case 1 -> Math.floorMod(lengths[i] >> 2, 40);
                case 2 -> 1;
                default -> 16;
            };
            if (i < readable) {
                elements.readable(at, length);
                readableBytes += length;
            } else {
                elements.writable(at, length);
                writableBytes += length;
            }
            at += length;
        }

        int id = driver.add(elements);
        driver.publish();
        DescriptorChain chain = ring.popChain();
        Verdict verdict = request.parse(chain, memory, new DiskRules(CAPACITY, readOnly, true, true, true));

        if (writableBytes == 0 || readableBytes < 16) {
            assertEquals(Verdict.MALFORMED, verdict);
        }
        if (verdict == Verdict.SUBMIT && request.operation() != Operation.FLUSH) {
            long sum = 0;
            for (int i = 0; i < request.bufferCount(); i++) {
                long offset = request.bufferAddress(i) - ram.address();
                assertTrue(offset >= DATA && offset + request.bufferLength(i) <= at, "outside of the chain");
                sum += request.bufferLength(i);
            }
            assertEquals(sum, request.byteCount());
            assertEquals(request.operation() == Operation.READ ? writableBytes - 1 : readableBytes - 16, sum);
            assertTrue(request.offset() >= 0 && request.offset() + sum <= CAPACITY * 512, "beyond the end");
        }
        if (verdict != Verdict.MALFORMED) {
            int written = request.answer(BlockStatus.OK);
            assertTrue(written >= 0 && written <= writableBytes);
        }
        ring.addUsed(chain.head(), 0);
        ring.publish();
        assertEquals(id, driver.pollUsed());
    }
}
