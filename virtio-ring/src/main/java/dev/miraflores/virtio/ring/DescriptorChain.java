// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import static dev.miraflores.virtio.ring.GuestAccess.BYTE;
import static dev.miraflores.virtio.ring.GuestAccess.INT;
import static dev.miraflores.virtio.ring.GuestAccess.LONG;
import static dev.miraflores.virtio.ring.GuestAccess.SHORT;

import dev.miraflores.memory.GuestMemory;
import dev.miraflores.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * One buffer that a driver made available: the elements it is made of, device-readable ones first, then
 * device-writable ones (virtio 1.3 §2.7.4, §2.8.5). Addresses and lengths were copied out of the ring and checked; the
 * driver cannot change them any more, while it can change the bytes they point at at any time.
 * <p>A malformed chain has a {@link #fault} and no elements: giving it back with 0 bytes is all there is to do.
 * <p>An element of no bytes is legal where its address is memory, or just past the end of it: the specification does
 * not rule it out, Linux's vhost takes it (QEMU does not), and it does no harm. It counts like any other.
 * <p>The calls that read and write at a byte offset take the readable, or the writable, elements as one run of bytes,
 * whatever the driver's framing (§2.7.4.1). An offset outside is our own mistake, an {@link IndexOutOfBoundsException}:
 * compare with {@link #readableBytes} and {@link #writableBytes} first.
 * <p>Thread: that of the queue.
 * <p>Lifetime: until the queue's next {@code popChain}.
 */
public final class DescriptorChain {

    /** The most bytes a chain may have in total (§2.7.5.2). */
    static final long MAX_BYTES = 1L << 32;

    private static final int IOVEC_BYTES = 16;

    private final GuestMemory memory;
    private final long[] addresses;
    private final long[] hostAddresses;
    private final int[] lengths;

    private int head;
    private DriverFault fault;
    private int count;
    private int readableCount;
    private long readableBytes;
    private long writableBytes;

    DescriptorChain(GuestMemory memory, int maxElements) {
        this.memory = memory;
        this.addresses = new long[maxElements];
        this.hostAddresses = new long[maxElements];
        this.lengths = new int[maxElements];
    }

    /** Makes this the chain of {@code head}; {@link #complete} or {@link #fail} follows. */
    void start(int head) {
        this.head = head;
        this.fault = null;
    }

    /** Makes this a chain of no elements yet, for {@link #append}; {@link #setHead} follows. */
    void begin() {
        fault = null;
        complete(0, 0, 0, 0);
    }

    void setHead(int head) {
        this.head = head;
    }

    /** Takes the chain's next element, unless the chain is malformed from before. */
    void append(long gpa, long byteSize, boolean writable) {
        if (fault != null) {
            return;
        }
        GuestMemoryRegion region = memory.find(gpa, byteSize);
        int i = count;
        if (region == null) {
            fail(DriverFault.BUFFER_OUTSIDE_MEMORY);
            return;
        }
        if (!writable && i != readableCount) {
            fail(DriverFault.READABLE_AFTER_WRITABLE);
            return;
        }
        if (readableBytes + writableBytes + byteSize > MAX_BYTES) {
            fail(DriverFault.CHAIN_TOO_LARGE);
            return;
        }
        put(i, gpa, region.hostAddress() + (gpa - region.gpa()), (int) byteSize);
        count = i + 1;
        if (writable) {
            writableBytes += byteSize;
        } else {
            readableCount = i + 1;
            readableBytes += byteSize;
        }
    }

    /** Sets element {@code i}, which has been checked; {@link #complete} makes it count. */
    void put(int i, long gpa, long hostAddress, int byteSize) {
        addresses[i] = gpa;
        hostAddresses[i] = hostAddress;
        lengths[i] = byteSize;
    }

    void complete(int count, int readableCount, long readableBytes, long writableBytes) {
        this.count = count;
        this.readableCount = readableCount;
        this.readableBytes = readableBytes;
        this.writableBytes = writableBytes;
    }

    void fail(DriverFault cause) {
        fault = cause;
        complete(0, 0, 0, 0);
    }

    /** What {@link Virtqueue#addUsed} wants to hear: the chain's head, or a packed queue's buffer id. */
    public int head() {
        return head;
    }

    /** The rule this chain breaks, or {@code null} where it is well-formed. */
    public DriverFault fault() {
        return fault;
    }

    /** How many elements there are. */
    public int count() {
        return count;
    }

    /** How many are device-readable: those below this index. */
    public int readableCount() {
        return readableCount;
    }

    /** How many are device-writable: the last ones. */
    public int writableCount() {
        return count - readableCount;
    }

    /** Bytes in all device-readable elements. */
    public long readableBytes() {
        return readableBytes;
    }

    /** Bytes in all device-writable elements. */
    public long writableBytes() {
        return writableBytes;
    }

    /** Guest-physical address of element {@code i}. */
    public long address(int i) {
        return addresses[checkElement(i)];
    }

    /** Address of element {@code i} in this process, for iovecs. */
    public long hostAddress(int i) {
        return hostAddresses[checkElement(i)];
    }

    /** Bytes in element {@code i}: 0 to 2^32 − 1. */
    public long length(int i) {
        return lengths[checkElement(i)] & 0xFFFF_FFFFL;
    }

    /** Whether element {@code i} is device-writable. */
    public boolean isWritable(int i) {
        return checkElement(i) >= readableCount;
    }

    /** The device-readable byte at {@code byteOffset}. */
    public byte readByte(long byteOffset) {
        return (byte) readScalar(byteOffset, 1);
    }

    /** The le16 in the device-readable bytes at {@code byteOffset}. */
    public short readShort(long byteOffset) {
        if (liesInElement(0, byteOffset, Short.BYTES, readableCount)) {
            long gpa = addresses[0] + byteOffset;
            GuestMemoryRegion region = memory.find(gpa, Short.BYTES);
            return region.segment().get(SHORT, gpa - region.gpa());
        }
        return (short) readScalar(byteOffset, Short.BYTES);
    }

    /** The le32 in the device-readable bytes at {@code byteOffset}. */
    public int readInt(long byteOffset) {
        if (liesInElement(0, byteOffset, Integer.BYTES, readableCount)) {
            long gpa = addresses[0] + byteOffset;
            GuestMemoryRegion region = memory.find(gpa, Integer.BYTES);
            return region.segment().get(INT, gpa - region.gpa());
        }
        return (int) readScalar(byteOffset, Integer.BYTES);
    }

    /** The le64 in the device-readable bytes at {@code byteOffset}. */
    public long readLong(long byteOffset) {
        if (liesInElement(0, byteOffset, Long.BYTES, readableCount)) {
            long gpa = addresses[0] + byteOffset;
            GuestMemoryRegion region = memory.find(gpa, Long.BYTES);
            return region.segment().get(LONG, gpa - region.gpa());
        }
        return readScalar(byteOffset, Long.BYTES);
    }

    /** Copies {@code byteSize} device-readable bytes from {@code byteOffset} on. */
    public void read(long byteOffset, MemorySegment into, long intoOffset, long byteSize) {
        Objects.checkFromIndexSize(byteOffset, byteSize, readableBytes);
        int i = 0;
        long skip = byteOffset;
        long done = 0;
        while (done < byteSize) {
            long length = elementBytes(i);
            if (skip < length) {
                long part = Math.min(byteSize - done, length - skip);
                GuestMemoryRegion region = memory.find(addresses[i], length);
                MemorySegment.copy(region.segment(), addresses[i] + skip - region.gpa(), into, intoOffset + done, part);
                done += part;
                skip = 0;
            } else {
                skip -= length;
            }
            i++;
        }
    }

    /** Stores a device-writable byte, such as a status, at {@code byteOffset}. */
    public void writeByte(long byteOffset, byte value) {
        Objects.checkIndex(byteOffset, writableBytes);
        // A status is the last byte as a rule, so the last element is the one to try first.
        int i = count - 1;
        long start = writableBytes - elementBytes(i);
        while (byteOffset < start) {
            i--;
            start -= elementBytes(i);
        }
        long gpa = addresses[i] + (byteOffset - start);
        GuestMemoryRegion region = memory.find(gpa, Byte.BYTES);
        region.segment().set(BYTE, gpa - region.gpa(), value);
    }

    /** Stores a le16 in the device-writable bytes at {@code byteOffset}. */
    public void writeShort(long byteOffset, short value) {
        writeScalar(byteOffset, value, Short.BYTES);
    }

    /** Stores a le32 in the device-writable bytes at {@code byteOffset}. */
    public void writeInt(long byteOffset, int value) {
        writeScalar(byteOffset, value, Integer.BYTES);
    }

    /** Stores a le64 in the device-writable bytes at {@code byteOffset}. */
    public void writeLong(long byteOffset, long value) {
        writeScalar(byteOffset, value, Long.BYTES);
    }

    /** Copies {@code byteSize} bytes over the device-writable ones from {@code byteOffset} on. */
    public void write(long byteOffset, MemorySegment from, long fromOffset, long byteSize) {
        Objects.checkFromIndexSize(byteOffset, byteSize, writableBytes);
        int i = readableCount;
        long skip = byteOffset;
        long done = 0;
        while (done < byteSize) {
            long length = elementBytes(i);
            if (skip < length) {
                long part = Math.min(byteSize - done, length - skip);
                GuestMemoryRegion region = memory.find(addresses[i], length);
                MemorySegment.copy(from, fromOffset + done, region.segment(), addresses[i] + skip - region.gpa(), part);
                done += part;
                skip = 0;
            } else {
                skip -= length;
            }
            i++;
        }
    }

    /**
     * Describes {@code byteSize} device-readable bytes from {@code byteOffset} on by iovecs (readv(2)).
     *
     * @param into       gets at most {@link #readableCount} of 16 bytes each, from {@code intoOffset} on
     * @return how many
     */
    public int putReadableIovecs(long byteOffset, long byteSize, MemorySegment into, long intoOffset) {
        Objects.checkFromIndexSize(byteOffset, byteSize, readableBytes);
        return putIovecs(0, byteOffset, byteSize, into, intoOffset);
    }

    /** As {@link #putReadableIovecs}, of the device-writable bytes; at most {@link #writableCount}. */
    public int putWritableIovecs(long byteOffset, long byteSize, MemorySegment into, long intoOffset) {
        Objects.checkFromIndexSize(byteOffset, byteSize, writableBytes);
        return putIovecs(readableCount, byteOffset, byteSize, into, intoOffset);
    }

    private int putIovecs(int firstElement, long byteOffset, long byteSize, MemorySegment into, long intoOffset) {
        int i = firstElement;
        long skip = byteOffset;
        long left = byteSize;
        long end = intoOffset;
        while (left > 0) {
            long length = elementBytes(i);
            if (skip < length) {
                long part = Math.min(left, length - skip);
                into.set(LONG, end, hostAddresses[i] + skip);
                into.set(LONG, end + Long.BYTES, part);
                end += IOVEC_BYTES;
                left -= part;
                skip = 0;
            } else {
                skip -= length;
            }
            i++;
        }
        return (int) ((end - intoOffset) / IOVEC_BYTES);
    }

    /** Whether {@code byteSize} bytes at {@code byteOffset} into element {@code i} lie in it, and it is below {@code end}. */
    private boolean liesInElement(int i, long byteOffset, int byteSize, int end) {
        return i < end && byteOffset >= 0 && byteOffset <= elementBytes(i) - byteSize;
    }

    /** Little-endian, wherever the driver has split it. */
    private long readScalar(long byteOffset, int byteSize) {
        Objects.checkFromIndexSize(byteOffset, byteSize, readableBytes);
        int i = 0;
        long skip = byteOffset;
        long value = 0;
        for (int shift = 0; shift < 8 * byteSize; shift += 8) {
            while (skip >= elementBytes(i)) {
                skip -= elementBytes(i);
                i++;
            }
            GuestMemoryRegion region = memory.find(addresses[i], 1);
            value |= (region.segment().get(BYTE, addresses[i] + skip - region.gpa()) & 0xFFL) << shift;
            skip++;
        }
        return value;
    }

    private void writeScalar(long byteOffset, long value, int byteSize) {
        Objects.checkFromIndexSize(byteOffset, byteSize, writableBytes);
        for (int i = 0; i < byteSize; i++) {
            writeByte(byteOffset + i, (byte) (value >>> 8 * i));
        }
    }

    private long elementBytes(int i) {
        return lengths[i] & 0xFFFF_FFFFL;
    }

    private int checkElement(int i) {
        // The arrays hold earlier chains further on.
        if (i < 0 || i >= count) {
            throw new IndexOutOfBoundsException("element " + i + " of " + count);
        }
        return i;
    }
}
