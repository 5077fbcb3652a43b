// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import java.util.Arrays;

/**
 * The elements of a buffer that a driver is about to make available: a list to fill, hand over, clear and fill again.
 * It holds what it is told, legal or not; {@link VirtqueueDriver} puts them into descriptors in this order.
 * <p>Thread: one at a time.
 */
public final class BufferElements {

    private long[] gpas = new long[8];
    private long[] lengths = new long[8];
    private boolean[] writable = new boolean[8];
    private int count;

    public BufferElements() {
    }

    /** Forgets all elements. */
    public BufferElements clear() {
        count = 0;
        return this;
    }

    /** Adds a device-readable element; {@code byteSize} is its low 32 bits. */
    public BufferElements readable(long gpa, long byteSize) {
        return add(gpa, byteSize, false);
    }

    /** Adds a device-writable element; {@code byteSize} is its low 32 bits. */
    public BufferElements writable(long gpa, long byteSize) {
        return add(gpa, byteSize, true);
    }

    private BufferElements add(long gpa, long byteSize, boolean deviceWritable) {
        if (count == gpas.length) {
            gpas = Arrays.copyOf(gpas, 2 * count);
            lengths = Arrays.copyOf(lengths, 2 * count);
            writable = Arrays.copyOf(writable, 2 * count);
        }
        gpas[count] = gpa;
        lengths[count] = byteSize & 0xFFFF_FFFFL;
        writable[count] = deviceWritable;
        count++;
        return this;
    }

    public int count() {
        return count;
    }

    public long gpa(int i) {
        return gpas[i];
    }

    public long byteSize(int i) {
        return lengths[i];
    }

    public boolean isWritable(int i) {
        return writable[i];
    }
}
