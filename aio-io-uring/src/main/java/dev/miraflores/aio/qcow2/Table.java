// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.BitSet;

/**
 * A table of the first level, the L1 table or the refcount table: held whole, written in pieces as large as a slice.
 * <p>Thread: the image's I/O thread.
 */
final class Table {

    private static final ValueLayout.OfLong BE64 = ValueLayout.JAVA_LONG.withOrder(ByteOrder.BIG_ENDIAN);

    private final int pieceBytes;
    private final int pieceEntries;
    private final BitSet dirty = new BitSet();

    private long offset;
    private long[] entries;

    Table(long offset, long[] entries, int pieceBytes) {
        this.offset = offset;
        this.entries = entries;
        this.pieceBytes = pieceBytes;
        this.pieceEntries = pieceBytes / Qcow2Layout.ENTRY_BYTES;
    }

    /** In bytes, into the image. */
    long offset() {
        return offset;
    }

    int size() {
        return entries.length;
    }

    long get(long index) {
        return entries[(int) index];
    }

    void set(int index, long entry) {
        entries[index] = entry;
        dirty.set(index / pieceEntries);
    }

    long[] copy(int newSize) {
        return Arrays.copyOf(entries, newSize);
    }

    /** There is more of it, in the same place: zeroes. */
    void grown(int newSize) {
        entries = copy(newSize);
    }

    /** The table has moved, and stands there in full. */
    void moved(long newOffset, long[] newEntries) {
        offset = newOffset;
        entries = newEntries;
        dirty.clear();
    }

    boolean isDirty() {
        return !dirty.isEmpty();
    }

    /** A piece that has to be written, from {@code piece} on; −1 where there is none. */
    int nextDirty(int piece) {
        return dirty.nextSetBit(piece);
    }

    void setDirty(int piece, boolean isDirty) {
        dirty.set(piece, isDirty);
    }

    long pieceOffset(int piece) {
        return offset + (long) piece * pieceBytes;
    }

    /** The piece as it has to stand in the image. */
    void copyPiece(int piece, MemorySegment into) {
        copy(entries, piece * pieceEntries, into.asSlice(0, pieceBytes));
    }

    /** Fills {@code into} with entries from {@code first} on, and with zeroes behind the last. */
    static void copy(long[] entries, int first, MemorySegment into) {
        int count = (int) (into.byteSize() / Qcow2Layout.ENTRY_BYTES);
        for (int i = 0; i < count; i++) {
            into.setAtIndex(BE64, i, first + i < entries.length ? entries[first + i] : 0);
        }
    }
}
