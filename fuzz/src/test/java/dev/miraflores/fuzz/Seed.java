// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.fuzz;

import java.io.ByteArrayOutputStream;

/** Writes an input as {@link FuzzInput} reads it. */
public final class Seed {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    public Seed u8(int... values) {
        for (int value : values) {
            bytes.write(value);
        }
        return this;
    }

    public Seed u16(int... values) {
        for (int value : values) {
            number(2, value);
        }
        return this;
    }

    public Seed u32(long... values) {
        for (long value : values) {
            number(4, value);
        }
        return this;
    }

    public Seed u64(long... values) {
        for (long value : values) {
            number(8, value);
        }
        return this;
    }

    public Seed number(int byteSize, long value) {
        for (int i = 0; i < byteSize; i++) {
            bytes.write((int) (value >>> 8 * i));
        }
        return this;
    }

    public Seed raw(byte[] more) {
        bytes.writeBytes(more);
        return this;
    }

    public byte[] bytes() {
        return bytes.toByteArray();
    }
}
