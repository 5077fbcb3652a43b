// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

import java.util.Arrays;

/** Bytes that grow, little-endian as all of ACPI is. */
final class ByteSink {
    private byte[] bytes = new byte[256];
    private int size;

    int size() {
        return size;
    }

    byte[] toByteArray() {
        return Arrays.copyOf(bytes, size);
    }

    ByteSink put8(int value) {
        reserve(1);
        bytes[size++] = (byte) value;
        return this;
    }

    ByteSink put16(int value) {
        return put8(value).put8(value >>> 8);
    }

    ByteSink put32(int value) {
        return put16(value).put16(value >>> 16);
    }

    ByteSink put64(long value) {
        return put32((int) value).put32((int) (value >>> 32));
    }

    ByteSink putZeros(int count) {
        reserve(count);
        size += count;
        return this;
    }

    ByteSink putBytes(byte[] source) {
        reserve(source.length);
        System.arraycopy(source, 0, bytes, size, source.length);
        size += source.length;
        return this;
    }

    /** The characters of an ASCII text, without a terminator. */
    ByteSink putAscii(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == 0 || c > 0x7F) {
                throw new IllegalArgumentException("not an ASCII text: '" + text + "'");
            }
            put8(c);
        }
        return this;
    }

    /** Moves what starts at {@code offset} up to make room for {@code inserted}. */
    void insert(int offset, byte[] inserted, int count) {
        reserve(count);
        System.arraycopy(bytes, offset, bytes, offset + count, size - offset);
        System.arraycopy(inserted, 0, bytes, offset, count);
        size += count;
    }

    private void reserve(int count) {
        if (size + count > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, size + count));
        }
    }
}
