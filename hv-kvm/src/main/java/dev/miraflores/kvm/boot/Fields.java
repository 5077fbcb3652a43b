// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Little-endian fields at byte offsets of an array: headers are read from one, and what a guest is handed is put
 * together in one before a single copy into its memory.
 */
final class Fields {
    private final byte[] bytes;
    private final ByteBuffer buffer;

    Fields(byte[] bytes) {
        this.bytes = bytes;
        this.buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    byte[] array() {
        return bytes;
    }

    int byteSize() {
        return bytes.length;
    }

    int get8(long offset) {
        return buffer.get((int) offset) & 0xFF;
    }

    int get16(long offset) {
        return buffer.getShort((int) offset) & 0xFFFF;
    }

    /** Unsigned. */
    long get32(long offset) {
        return buffer.getInt((int) offset) & 0xFFFF_FFFFL;
    }

    long get64(long offset) {
        return buffer.getLong((int) offset);
    }

    void put8(long offset, int value) {
        buffer.put((int) offset, (byte) value);
    }

    void put16(long offset, int value) {
        buffer.putShort((int) offset, (short) value);
    }

    void put32(long offset, long value) {
        buffer.putInt((int) offset, (int) value);
    }

    void put64(long offset, long value) {
        buffer.putLong((int) offset, value);
    }

    void putBytes(long offset, byte[] source) {
        System.arraycopy(source, 0, bytes, (int) offset, source.length);
    }
}
