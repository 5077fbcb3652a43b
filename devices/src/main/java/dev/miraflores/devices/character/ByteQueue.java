// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

/** A bounded first-in, first-out queue of bytes. Thread: one at a time; its owner locks. */
public final class ByteQueue {

    private final byte[] bytes;
    private final int mask;
    private int head;
    private int size;

    /** @param capacity a power of two */
    public ByteQueue(int capacity) {
        bytes = new byte[capacity];
        mask = capacity - 1;
    }

    public int size() {
        return size;
    }

    public int free() {
        return bytes.length - size;
    }

    /** Adds one byte; there must be room. */
    public void add(int value) {
        bytes[head + size & mask] = (byte) value;
        size++;
    }

    /** Adds as much as there is room for and returns how much. */
    public int add(byte[] from, int offset, int length) {
        int count = Math.min(length, free());
        int tail = head + size & mask;
        int first = Math.min(count, bytes.length - tail);
        System.arraycopy(from, offset, bytes, tail, first);
        System.arraycopy(from, offset + first, bytes, 0, count - first);
        size += count;
        return count;
    }

    /** Removes one byte, 0 to 255; there must be one. */
    public int remove() {
        int value = bytes[head] & 0xFF;
        head = head + 1 & mask;
        size--;
        return value;
    }

    /** Removes as much as fits into {@code into} and returns how much. */
    public int remove(byte[] into) {
        return remove(into, into.length);
    }

    /** Removes {@code length} bytes at most, to the beginning of {@code into}, and returns how many. */
    public int remove(byte[] into, int length) {
        int count = Math.min(length, size);
        int first = Math.min(count, bytes.length - head);
        System.arraycopy(bytes, head, into, 0, first);
        System.arraycopy(bytes, 0, into, first, count - first);
        head = head + count & mask;
        size -= count;
        return count;
    }

    public void clear() {
        head = 0;
        size = 0;
    }
}
