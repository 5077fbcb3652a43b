// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.DescriptorChain;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One request of the driver's, in a slot that is used again and again. Little-endian, in whatever descriptors the driver
 * likes (virtio 1.3 §2.7.4.1, §5.2.6):
 * <pre>
 *   device-readable   0   le32  type       VIRTIO_BLK_T_…
 *                     4   le32  reserved
 *                     8   le64  sector     in units of 512 bytes, of reads and writes
 *                    16   u8[]  data       of a write, or ranges to discard or zero, 16 bytes each:
 *                                          le64 sector, le32 num_sectors, le32 flags
 *   device-writable   0   u8[]  data       of a read, or the id
 *              the last   u8    status     VIRTIO_BLK_S_… </pre>
 * Everything is read once, while the chain is walked; what the driver changes later changes nothing but data.
 * <p>Thread: the queue's I/O thread.
 */
final class BlockRequest extends BlockIo {

    /** A multiple of 512 whose bytes an int counts, as a CQE's result does. */
    static final long MAX_DATA_BYTES = 0x7FFF_FE00L;

    static final int HEADER_BYTES = 16;
    private static final int TYPE_OFFSET = 0;
    private static final int SECTOR_OFFSET = 8;
    static final int ID_BYTES = virtio_abi.VIRTIO_BLK_ID_BYTES;

    /** {@code struct virtio_blk_discard_write_zeroes}; one takes the place of one buffer in the slot. */
    static final int RANGE_BYTES = BlockIo.IOVEC_BYTES;
    private static final int RANGE_SECTORS_OFFSET = 8;
    private static final int RANGE_FLAGS_OFFSET = 12;
    private static final int UNMAP = virtio_abi.VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
    private static final ValueLayout.OfLong LE64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Ranges that one request may have. */
    static final int MAX_RANGES = 32;
    /** Sectors of one range. */
    static final int MAX_RANGE_SECTORS = (int) (MAX_DATA_BYTES >>> BlockConfigSpace.SECTOR_SHIFT);

    /** What is to be done with a chain. */
    enum Verdict {
        /** The request goes to the backend. */
        SUBMIT,
        /** The serial number is asked for. */
        GET_ID,
        /** Nothing has to be done. */
        DONE,
        /** {@link #fault} says why it is answered with IOERR. */
        REFUSED,
        /** A type that this device does not know. */
        UNSUPPORTED,
        /** {@link #fault} says why it cannot be answered. */
        MALFORMED
    }

    /** Where a request is. */
    enum Place {
        /** Nowhere: the slot is free. */
        FREE,
        /** With the links. */
        LINKS,
        /** It failed, and waits for {@link BlockQueue#retryHeld}. */
        HELD,
        /** With a link that had a bug: nobody may ever complete it. */
        LOST
    }

    private final BlockQueue queue;
    private final MemorySegment slot;
    /** For the queue alone. */
    Place place = Place.FREE;
    /** When the queue took it, as {@link System#nanoTime} counts. */
    long takenNs;
    private int head;
    private BlockFault fault;
    private GuestMemoryRegion statusRegion;
    private long statusOffset;
    /** Device-writable bytes before the status. */
    private long writableDataBytes;
    /** Those of them that hold what was asked for if all goes well. */
    private long answerBytes;
    /** Of a discard or of write zeroes: ranges in all, and the one under way. */
    private int rangeCount;
    private int rangeIndex;
    /** Whether what its driver says about unmapping counts. */
    private boolean mayUnmap;
    /** Bytes of all ranges. */
    private long rangesBytes;

    /** @param iovecs room for as many buffers as a chain may have, and for {@link #MAX_RANGES} */
    BlockRequest(BlockQueue queue, MemorySegment iovecs) {
        super(iovecs);
        this.queue = queue;
        this.slot = iovecs;
    }

    /** Takes a chain that is well-formed as a chain. */
    Verdict parse(DescriptorChain chain, GuestMemory memory, DiskRules rules) {
        head = chain.head();
        answerBytes = 0;
        rangeCount = 0;
        mayUnmap = rules.unmaps();
        if (chain.writableBytes() == 0) {
            return malformed(BlockFault.STATUS_MISSING);
        }
        locateStatus(chain, memory);
        if (chain.readableBytes() < HEADER_BYTES) {
            return malformed(BlockFault.HEADER_TOO_SHORT);
        }
        int type = chain.readInt(TYPE_OFFSET);
        return switch (type) {
            case virtio_abi.VIRTIO_BLK_T_IN -> parseRead(chain, rules.sectors());
            case virtio_abi.VIRTIO_BLK_T_OUT ->
                rules.readOnly() ? refused(BlockFault.READ_ONLY) : parseWrite(chain, rules.sectors());
            case virtio_abi.VIRTIO_BLK_T_FLUSH -> {
                begin(Operation.FLUSH, 0);
                yield Verdict.SUBMIT;
            }
            case virtio_abi.VIRTIO_BLK_T_GET_ID -> {
                answerBytes = Math.min(writableDataBytes, ID_BYTES);
                yield Verdict.GET_ID;
            }
            case virtio_abi.VIRTIO_BLK_T_DISCARD ->
                rules.discards() ? parseRanges(chain, Operation.DISCARD, 0, rules.sectors()) : Verdict.UNSUPPORTED;
            case virtio_abi.VIRTIO_BLK_T_WRITE_ZEROES ->
                rules.zeroes() ? parseRanges(chain, Operation.WRITE_ZEROES, UNMAP, rules.sectors()) : Verdict.UNSUPPORTED;
            default -> Verdict.UNSUPPORTED;
        };
    }

    private void locateStatus(DescriptorChain chain, GuestMemory memory) {
        int last = chain.count() - 1;
        // Elements of no bytes are legal, and their addresses say nothing. Some writable one has bytes.
        while (chain.length(last) == 0) {
            last--;
        }
        long gpa = chain.address(last) + chain.length(last) - 1;
        statusRegion = memory.find(gpa, 1);
        statusOffset = gpa - statusRegion.gpa();
        writableDataBytes = chain.writableBytes() - 1;
    }

    private Verdict parseRead(DescriptorChain chain, long capacity) {
        answerBytes = writableDataBytes;
        return parseTransfer(
            chain, Operation.READ, writableDataBytes, chain.readableCount(), 0, capacity);
    }

    private Verdict parseWrite(DescriptorChain chain, long capacity) {
        return parseTransfer(
            chain, Operation.WRITE, chain.readableBytes() - HEADER_BYTES, 0, HEADER_BYTES, capacity);
    }

    private Verdict parseTransfer(
            DescriptorChain chain, Operation operation, long dataBytes, int firstElement, int skipBytes, long capacity) {
        long sector = chain.readLong(SECTOR_OFFSET);
        if ((dataBytes & BlockConfigSpace.SECTOR_BYTES - 1) != 0) {
            return refused(BlockFault.LENGTH_ODD);
        }
        if (dataBytes > MAX_DATA_BYTES) {
            return refused(BlockFault.LENGTH_TOO_LARGE);
        }
        // Nothing overflows: the length is below 2^31, and a sector from 2^63 up is negative.
        if (sector < 0 || sector > capacity - (dataBytes >>> BlockConfigSpace.SECTOR_SHIFT)) {
            return refused(BlockFault.BEYOND_END);
        }
        if (dataBytes == 0) {
            return Verdict.DONE;
        }
        begin(operation, sector << BlockConfigSpace.SECTOR_SHIFT);
        addBuffers(chain, firstElement, skipBytes, dataBytes);
        return Verdict.SUBMIT;
    }

    /**
     * Copies the ranges out of guest memory, and checks the copies.
     *
     * @param knownFlags those a range may have; others are answered with UNSUPP, as is unmap in a discard (§5.2.6.2)
     */
    private Verdict parseRanges(DescriptorChain chain, Operation operation, int knownFlags, long capacity) {
        long bytes = chain.readableBytes() - HEADER_BYTES;
        if (bytes == 0 || bytes % RANGE_BYTES != 0) {
            return refused(BlockFault.RANGES_ODD);
        }
        if (bytes > MAX_RANGES * RANGE_BYTES) {
            return refused(BlockFault.TOO_MANY_RANGES);
        }
        chain.read(HEADER_BYTES, slot, 0, bytes);
        rangesBytes = 0;
        for (long at = 0; at < bytes; at += RANGE_BYTES) {
            if ((slot.get(LE32, at + RANGE_FLAGS_OFFSET) & ~knownFlags) != 0) {
                return Verdict.UNSUPPORTED;
            }
            long sector = slot.get(LE64, at);
            long count = slot.get(LE32, at + RANGE_SECTORS_OFFSET) & 0xFFFF_FFFFL;
            if (count > MAX_RANGE_SECTORS) {
                return refused(BlockFault.RANGE_TOO_LARGE);
            }
            if (sector < 0 || sector > capacity - count) {
                return refused(BlockFault.BEYOND_END);
            }
            rangesBytes += count << BlockConfigSpace.SECTOR_SHIFT;
        }
        rangeCount = (int) (bytes / RANGE_BYTES);
        rangeIndex = -1;
        begin(operation, 0);
        return nextRange() ? Verdict.SUBMIT : Verdict.DONE;
    }

    /** Whether it is of ranges, which are gone through one after the other. */
    boolean hasRanges() {
        return rangeCount != 0;
    }

    /** Makes this the request for the next range that is not empty; answers false where there is none. */
    boolean nextRange() {
        while (++rangeIndex < rangeCount) {
            long at = (long) RANGE_BYTES * rangeIndex;
            long count = slot.get(LE32, at + RANGE_SECTORS_OFFSET) & 0xFFFF_FFFFL;
            if (count != 0) {
                beginRange(operation(), slot.get(LE64, at) << BlockConfigSpace.SECTOR_SHIFT,
                    count << BlockConfigSpace.SECTOR_SHIFT, mayUnmap && (slot.get(LE32, at + RANGE_FLAGS_OFFSET) & UNMAP) != 0);
                return true;
            }
        }
        return false;
    }

    /** Bytes that the driver asked for, in all ranges where it has ranges. */
    long wholeBytes() {
        return rangeCount == 0 ? byteCount() : rangesBytes;
    }

    /** Points at {@code byteCount} bytes of data, {@code skipBytes} behind the start of {@code element}. */
    private void addBuffers(DescriptorChain chain, int element, int skipBytes, long byteCount) {
        long skip = skipBytes;
        long left = byteCount;
        for (int i = element; left > 0; i++) {
            long length = chain.length(i);
            if (skip < length) {
                long count = Math.min(length - skip, left);
                addBuffer(chain.hostAddress(i) + skip, count);
                left -= count;
                skip = 0;
            } else {
                skip -= length;
            }
        }
    }

    private Verdict malformed(BlockFault cause) {
        fault = cause;
        return Verdict.MALFORMED;
    }

    private Verdict refused(BlockFault cause) {
        fault = cause;
        answerBytes = 0;
        return Verdict.REFUSED;
    }

    /** The chain's head. */
    int head() {
        return head;
    }

    /** The rule that was broken. */
    BlockFault fault() {
        return fault;
    }

    /** How much of an id the driver has room for. */
    int idBytes() {
        return (int) answerBytes;
    }

    /** Its data was not read after all, whatever the status says. */
    void readNothing() {
        answerBytes = 0;
    }

    /**
     * Stores the status.
     *
     * @return what the used element says was written: from the first device-writable byte on, without a gap (§2.7.8.2). The
     *     status is the last of them, so it counts only where all before it were written.
     */
    int answer(BlockStatus status) {
        statusRegion.segment().set(ValueLayout.JAVA_BYTE, statusOffset, status.code());
        long written = status == BlockStatus.OK ? answerBytes : 0;
        return (int) (written == writableDataBytes ? written + 1 : written);
    }

    @Override
    protected void onComplete(int result) {
        queue.onComplete(this, result);
    }

    @Override
    protected void onFailure(Throwable bug) {
        queue.onRequestFailure(this, bug);
    }
}
