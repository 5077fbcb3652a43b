// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.aio.BlockIo;
import dev.miraflores.fuzz.Bounds;
import dev.miraflores.fuzz.FuzzInput;
import dev.miraflores.fuzz.Seed;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any well-formed chain as a disk's request, header and status split over descriptors of any length (virtio 1.3 §5.2.6):
 * what goes to the backend lies within the chain and on the disk, and the answer is the one status byte.
 */
class BlockRequestFuzzTest {

    private static final int SIZE = 16;
    private static final int LOW_BYTES = 0x1_0000;
    private static final long APART_GPA = 0x10_0000;
    private static final long DESC_GPA = 0x1000;
    private static final long AVAIL_GPA = 0x2000;
    private static final long HEADER_GPA = 0x4000;
    private static final long[] BASES = {HEADER_GPA, 0x5000, 0, LOW_BYTES - 16, LOW_BYTES, APART_GPA,
        APART_GPA + 0x1000 - 16, APART_GPA + 0x1000};
    private static final long[] CAPACITIES = {0, 1, 8, 2048, 1L << 22, Long.MAX_VALUE >>> 9};
    private static final byte CANARY = (byte) 0xee;
    private static final int SHORT_LENGTHS = 0xf000;

    private static final GuestMemory MEMORY = GuestMemory.of(List.of(GuestMemoryRegion.anonymous(0, LOW_BYTES),
            GuestMemoryRegion.anonymous(LOW_BYTES, 0x1000), GuestMemoryRegion.anonymous(APART_GPA, 0x1000)));
    private static final MemorySegment LOW = MEMORY.regions().getFirst().segment();
    private static final BlockRequest REQUEST =
            new BlockRequest(null, Arena.global().allocate((long) BlockIo.IOVEC_BYTES * Math.max(SIZE, BlockRequest.MAX_RANGES), 8));

    static Stream<byte[]> seeds() {
        Seed read = header(2, 0, 3);
        element(read, 0, 0, 16, false);
        element(read, 1, 0, 1024, true);
        element(read, 2, 0, 1, true);
        Seed write = header(3, 1, 3);
        element(write, 0, 0, 7, false);
        element(write, 0, 7, 9 + 512, false);
        element(write, 5, 0, 1, true);
        Seed id = header(3, 8, 0);
        element(id, 0, 0, 16, false);
        element(id, 1, 0, 21, true);
        Seed flush = header(4, 4, 0);
        element(flush, 0, 0, 16, false);
        element(flush, 2, 0, 1, true);
        Seed beyond = header(5, 0, Long.MAX_VALUE);
        element(beyond, 0, 0, 16, false);
        element(beyond, 1, 0, 513, true);
        Seed empty = header(3, 8, 0);
        element(empty, 0, 0, 16, false);
        element(empty, 1, 0, 1, true);
        element(empty, 2, 0, 0, true);
        return Stream.of(read, write, id, flush, beyond, empty, ranges(11, 0x10), ranges(13, 0x52), ranges(13, 0x92))
            .map(Seed::bytes);
    }

    /** A discard or write zeroes of three ranges. */
    private static Seed ranges(int type, int shape) {
        Seed seed = new Seed().u8(3, shape).u32(type).u64(0);
        element(seed, 0, 0, 9, false);
        element(seed, 0, 9, 7, false);
        element(seed, 2, 0, 48, false);
        element(seed, 5, 0, 1, true);
        return seed;
    }

    private static Seed header(int capacity, int type, long sector) {
        return new Seed().u8(capacity, 0).u32(type).u64(sector);
    }

    private static void element(Seed seed, int base, int offset, int length, boolean writable) {
        seed.u8(base, writable ? 1 : 0).u16(offset, length);
    }

    @MethodSource("seeds")
    @FuzzTest
    @Tag("virtio:2.7.4.1/any")
    @Tag("virtio:2.7.8.2/len-written")
    @Tag("class:length")
    @Tag("class:leak")
    void shouldStayWithinItsChainAndTheDisk(byte[] bytes) {
        FuzzInput input = new FuzzInput(bytes);
        for (GuestMemoryRegion region : MEMORY.regions()) {
            region.segment().fill(CANARY);
        }
        long capacity = input.among(CAPACITIES);
        int shape = input.u8();
        boolean readOnly = (shape & 1) != 0;
        putRanges(shape);
        MEMORY.write(HEADER_GPA, input.take(BlockRequest.HEADER_BYTES));
        DescriptorChain chain = chain(input);
        if (chain.fault() != null) {
            return;
        }
        BlockRequest.Verdict verdict;
        try (Bounds _ = new Bounds()) {
            verdict = REQUEST.parse(chain, MEMORY, new DiskRules(capacity, readOnly, !readOnly, !readOnly, true));
        }
        switch (verdict) {
            case SUBMIT -> assertWithin(chain, capacity, readOnly);
            case GET_ID -> assertTrue(REQUEST.idBytes() < chain.writableBytes());
            case REFUSED -> assertTrue(REQUEST.fault() != null);
            case DONE, UNSUPPORTED -> { }
            case MALFORMED -> {
                assertTrue(chain.writableBytes() == 0 || chain.readableBytes() < BlockRequest.HEADER_BYTES);
                return;
            }
        }
        assertAnswers(chain, verdict == BlockRequest.Verdict.REFUSED ? BlockStatus.IOERR : BlockStatus.OK);
    }

    /** At 0 there are ranges that are good, or nearly so. */
    private static void putRanges(int shape) {
        for (int i = 0; i < BlockRequest.MAX_RANGES; i++) {
            LOW.set(ValueLayout.JAVA_LONG, 16L * i, (long) (shape >> 1 & 7) * i);
            LOW.set(ValueLayout.JAVA_INT, 16L * i + 8, shape >> 4 & 3);
            LOW.set(ValueLayout.JAVA_INT, 16L * i + 12, shape >> 6 & 3);
        }
    }

    /** A chain of what is left of the input, six bytes an element. */
    private static DescriptorChain chain(FuzzInput input) {
        int count = 0;
        for (; count == 0 || input.hasMore() && count < SIZE; count++) {
            long at = DESC_GPA + 16L * count;
            long base = input.among(BASES);
            boolean writable = (input.u8() & 1) != 0;
            LOW.set(ValueLayout.JAVA_LONG, at, base + input.u16() % 0x1000);
            int length = input.u16();
            // The highest lengths stand for those of no 16 bits.
            LOW.set(ValueLayout.JAVA_INT, at + 8, length < SHORT_LENGTHS ? length : length << 17);
            LOW.set(ValueLayout.JAVA_SHORT, at + 12, (short) ((writable ? 2 : 0) | 1));
            LOW.set(ValueLayout.JAVA_SHORT, at + 14, (short) (count + 1));
        }
        long last = DESC_GPA + 16L * (count - 1) + 12;
        LOW.set(ValueLayout.JAVA_SHORT, last, (short) (LOW.get(ValueLayout.JAVA_SHORT, last) & ~1));
        LOW.set(ValueLayout.JAVA_INT, AVAIL_GPA, 1 << 16);
        LOW.set(ValueLayout.JAVA_SHORT, AVAIL_GPA + 4, (short) 0);
        return Virtqueue.create(MEMORY, new QueueGeometry(SIZE, DESC_GPA, AVAIL_GPA, 0x3000), RingFeatures.VERSION_1)
                .popChain();
    }

    private static void assertWithin(DescriptorChain chain, long capacity, boolean readOnly) {
        if (REQUEST.operation() == BlockIo.Operation.FLUSH) {
            assertEquals(0, REQUEST.byteCount());
            return;
        }
        if (REQUEST.operation().isRange()) {
            assertRangesWithin(chain, capacity, readOnly);
            return;
        }
        boolean read = REQUEST.operation() == BlockIo.Operation.READ;
        assertTrue(read || !readOnly);
        assertEquals(read ? chain.writableBytes() - 1 : chain.readableBytes() - BlockRequest.HEADER_BYTES,
                REQUEST.byteCount());
        assertTrue(REQUEST.byteCount() > 0 && REQUEST.byteCount() % 512 == 0);
        assertTrue(REQUEST.offset() >= 0 && REQUEST.offset() <= capacity * 512 - REQUEST.byteCount());
        assertTrue(REQUEST.bufferCount() <= REQUEST.maxBuffers());
        long bytes = 0;
        for (int i = 0; i < REQUEST.bufferCount(); i++) {
            assertTrue(isGuestMemory(REQUEST.bufferAddress(i), REQUEST.bufferLength(i)));
            bytes += REQUEST.bufferLength(i);
        }
        assertEquals(REQUEST.byteCount(), bytes);
    }

    private static void assertRangesWithin(DescriptorChain chain, long capacity, boolean readOnly) {
        assertTrue(!readOnly);
        long ranges = (chain.readableBytes() - BlockRequest.HEADER_BYTES) / BlockRequest.RANGE_BYTES;
        assertTrue(ranges <= BlockRequest.MAX_RANGES);
        long bytes = 0;
        int count = 0;
        do {
            assertEquals(0, REQUEST.bufferCount());
            assertTrue(REQUEST.byteCount() > 0 && REQUEST.byteCount() % 512 == 0);
            assertTrue(REQUEST.offset() >= 0 && REQUEST.offset() <= capacity * 512 - REQUEST.byteCount());
            assertTrue(REQUEST.operation() == BlockIo.Operation.WRITE_ZEROES || !REQUEST.mayUnmap());
            bytes += REQUEST.byteCount();
            count++;
        } while (REQUEST.nextRange());
        assertTrue(count <= ranges);
        assertEquals(REQUEST.wholeBytes(), bytes);
    }

    /** Buffers that touch are joined, so one may go over from one region into the next where those touch in the host. */
    private static boolean isGuestMemory(long address, long byteSize) {
        for (long at = address; at < address + byteSize; ) {
            long end = regionEnd(at);
            if (end == at) {
                return false;
            }
            at = end;
        }
        return true;
    }

    /** Where the region that a host address is in ends; the address itself where it is in none. */
    private static long regionEnd(long address) {
        for (GuestMemoryRegion region : MEMORY.regions()) {
            if (address >= region.hostAddress() && address < region.hostAddress() + region.byteSize()) {
                return region.hostAddress() + region.byteSize();
            }
        }
        return address;
    }

    private static void assertAnswers(DescriptorChain chain, BlockStatus status) {
        int last = chain.count() - 1;
        while (chain.length(last) == 0) {
            last--;
        }
        long statusGpa = chain.address(last) + chain.length(last) - 1;
        byte[] before = LOW.toArray(ValueLayout.JAVA_BYTE);
        int written = REQUEST.answer(status);
        assertTrue(written >= 0 && written <= chain.writableBytes());
        assertEquals(status.code(), MEMORY.slice(statusGpa, 1).get(ValueLayout.JAVA_BYTE, 0));
        if (statusGpa < LOW_BYTES) {
            before[(int) statusGpa] = status.code();
        }
        assertEquals(-1, LOW.mismatch(MemorySegment.ofArray(before)));
    }
}
