// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import dev.miraflores.virtio.ring.DescriptorChain;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One request of the driver's, in a slot that is used again and again. Little-endian, in whatever descriptors the driver
 * likes (virtio 1.3 §2.7.4.1, §5.2.6):
 * <pre>
 *   device-readable   0   le32  type       VIRTIO_BLK_T_…
 *                     4   le32  reserved
 *                     8   le64  sector     in units of 512 bytes, of reads and writes
 *                    16   u8[]  data       of a write
 *   device-writable   0   u8[]  data       of a read, or the id
 *              the last   u8    status     VIRTIO_BLK_S_… </pre>
 * Everything is read once, while the chain is walked; what the driver changes later changes nothing but data.
 * <p>Thread: the queue's I/O thread.
 */
final class BlockRequest extends BlockIo {

    static final int HEADER_BYTES = 16;
    private static final int TYPE_OFFSET = 0;
    private static final int SECTOR_OFFSET = 8;
    static final int ID_BYTES = virtio_abi.VIRTIO_BLK_ID_BYTES;

    /** A multiple of 512 whose bytes an int counts, as a CQE's result does. */
    static final long MAX_DATA_BYTES = 0x7FFF_FE00L;

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

    private final BlockQueue queue;
    private int head;
    private BlockFault fault;
    private GuestMemoryRegion statusRegion;
    private long statusOffset;
    /** Device-writable bytes before the status. */
    private long writableDataBytes;
    /** Those of them that hold what was asked for if all goes well. */
    private long answerBytes;

    BlockRequest(BlockQueue queue, MemorySegment iovecs) {
        super(iovecs);
        this.queue = queue;
    }

    /**
     * Takes a chain that is well-formed as a chain.
     *
     * @param capacity in sectors
     */
    Verdict parse(DescriptorChain chain, GuestMemory memory, long capacity, boolean readOnly) {
        head = chain.head();
        answerBytes = 0;
        if (chain.writableBytes() == 0) {
            return malformed(BlockFault.STATUS_MISSING);
        }
        locateStatus(chain, memory);
        if (chain.readableBytes() < HEADER_BYTES) {
            return malformed(BlockFault.HEADER_TOO_SHORT);
        }
        int type = chain.readInt(TYPE_OFFSET);
        return switch (type) {
            case virtio_abi.VIRTIO_BLK_T_IN -> parseRead(chain, capacity);
            case virtio_abi.VIRTIO_BLK_T_OUT ->
                readOnly ? refused(BlockFault.READ_ONLY) : parseWrite(chain, capacity);
            case virtio_abi.VIRTIO_BLK_T_FLUSH -> {
                begin(Operation.FLUSH, 0);
                yield Verdict.SUBMIT;
            }
            case virtio_abi.VIRTIO_BLK_T_GET_ID -> {
                answerBytes = Math.min(writableDataBytes, ID_BYTES);
                yield Verdict.GET_ID;
            }
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
        queue.onRequestFailure(bug);
    }
}
