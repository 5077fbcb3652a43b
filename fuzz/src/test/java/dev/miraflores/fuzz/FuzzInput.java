// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.fuzz;

import java.util.Arrays;

/**
 * An input, read from its front: little-endian numbers and bytes. Past its end everything is zero, so that any bytes
 * at all are an input, and a short one is a long one's beginning.
 */
public final class FuzzInput implements Choices {

    private final byte[] bytes;
    private int position;

    public FuzzInput(byte[] bytes) {
        this.bytes = bytes;
    }

    @Override
    public boolean hasMore() {
        return position < bytes.length;
    }

    public int u8() {
        return hasMore() ? bytes[position++] & 0xff : 0;
    }

    public int u16() {
        return (int) number(2);
    }

    public long u32() {
        return number(4);
    }

    public long u64() {
        return number(8);
    }

    /** A number of {@code byteSize} bytes. */
    @Override
    public long number(int byteSize) {
        long value = 0;
        for (int i = 0; i < byteSize; i++) {
            value |= (long) u8() << 8 * i;
        }
        return value;
    }

    /** A number below {@code bound}, from one byte if that is enough. */
    @Override
    public int below(int bound) {
        return (bound <= 256 ? u8() : u16()) % bound;
    }

    /** 1, 2, 4 or 8. */
    public int width() {
        return 1 << (u8() & 3);
    }

    /** The next {@code byteSize} bytes, or as many as there are. */
    public byte[] take(int byteSize) {
        int end = Math.min(bytes.length, position + byteSize);
        byte[] taken = Arrays.copyOfRange(bytes, position, end);
        position = end;
        return taken;
    }

    /** All that is left. */
    public byte[] rest() {
        return take(bytes.length - position);
    }
}
