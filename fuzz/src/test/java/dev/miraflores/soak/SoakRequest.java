// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import dev.miraflores.virtio.ring.BufferElements;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/**
 * A request that the driver has in flight, in a part of guest memory of its own:
 * <pre>  0x0000  header, at any alignment
 *  0x0100  status
 *  0x0200  ranges of discards and write zeroes
 *  0x0400  indirect table
 *  0x0800  data, in pieces with gaps between them </pre>
 * <p>Thread: one.
 */
final class SoakRequest {

    static final int IN = 0;
    static final int OUT = 1;
    static final int FLUSH = 4;
    static final int GET_ID = 8;
    static final int DISCARD = 11;
    static final int WRITE_ZEROES = 13;
    static final int UNKNOWN = 99;

    static final int MAX_SECTORS = 256;
    static final int BYTES = 0x28000;
    private static final int HEADER_BYTES = 16;
    private static final int RANGE_BYTES = 16;
    private static final int STATUS = 0x100;
    private static final int RANGES = 0x200;
    private static final int TABLE = 0x400;
    private static final int DATA = 0x800;
    private static final int MAX_PIECES = 6;
    private static final int MAX_GAP = 700;
    static final int ID_BYTES = 20;
    private static final byte UNTOUCHED = (byte) 0xEE;

    private final MemorySegment ram;
    private final long gpa;
    private final long[] pieceGpa = new long[MAX_PIECES];
    private final int[] pieceBytes = new int[MAX_PIECES];
    private int pieces;
    private long headerGpa;

    final BufferElements elements = new BufferElements();
    int type;
    int sector;
    int sectors;
    int version;
    /** Of a request that must be refused. */
    boolean wrong;
    long sentNs;

    SoakRequest(MemorySegment ram, long gpa) {
        this.ram = ram;
        this.gpa = gpa;
    }

    long tableGpa() {
        return gpa + TABLE;
    }

    int status() {
        return ram.get(ValueLayout.JAVA_BYTE, gpa + STATUS);
    }

    /** Lays {@link #type} with its sectors out; {@code content} has the data of a write. */
    void describe(Random random, MemorySegment content) {
        headerGpa = gpa + random.nextInt(64);
        ram.set(ValueLayout.JAVA_INT_UNALIGNED, headerGpa, type);
        ram.set(ValueLayout.JAVA_INT_UNALIGNED, headerGpa + 4, 0);
        ram.set(ValueLayout.JAVA_LONG_UNALIGNED, headerGpa + 8, type == IN || type == OUT ? sector : 0);
        ram.set(ValueLayout.JAVA_BYTE, gpa + STATUS, UNTOUCHED);
        elements.clear().readable(headerGpa, HEADER_BYTES);
        pieces = 0;
        switch (type) {
            case IN -> cut(random, sectors * DiskModel.SECTOR_BYTES, true);
            case GET_ID -> cut(random, ID_BYTES, true);
            case OUT -> {
                cut(random, sectors * DiskModel.SECTOR_BYTES, false);
                copy(content, true);
            }
            case DISCARD, WRITE_ZEROES -> putRanges(random);
            default -> { }
        }
        elements.writable(gpa + STATUS, 1);
    }

    private void cut(Random random, int bytes, boolean writable) {
        int left = bytes;
        long at = gpa + DATA + random.nextInt(MAX_GAP);
        boolean odd = random.nextInt(3) == 0;
        while (left > 0) {
            int piece = left;
            if (pieces < MAX_PIECES - 1 && left > 1 && random.nextBoolean()) {
                piece = odd ? 1 + random.nextInt(left) : Math.min(left, DiskModel.SECTOR_BYTES * (1 + random.nextInt(8)));
            }
            at = odd ? at : at + 511 & -512L;
            pieceGpa[pieces] = at;
            pieceBytes[pieces++] = piece;
            if (writable) {
                elements.writable(at, piece);
            } else {
                elements.readable(at, piece);
            }
            at += piece + random.nextInt(MAX_GAP);
            left -= piece;
        }
    }

    private void putRanges(Random random) {
        int count = sectors > 1 && random.nextBoolean() ? 2 : 1;
        int first = count == 1 ? sectors : 1 + random.nextInt(sectors - 1);
        int flags = type == WRITE_ZEROES ? random.nextInt(2) : 0;
        putRange(0, sector, first, flags);
        if (count == 2) {
            putRange(1, sector + first, sectors - first, flags);
        }
        elements.readable(gpa + RANGES, (long) RANGE_BYTES * count);
    }

    private void putRange(int index, long start, int count, int flags) {
        long at = gpa + RANGES + (long) RANGE_BYTES * index;
        ram.set(ValueLayout.JAVA_LONG_UNALIGNED, at, start);
        ram.set(ValueLayout.JAVA_INT_UNALIGNED, at + 8, count);
        ram.set(ValueLayout.JAVA_INT_UNALIGNED, at + 12, flags);
    }

    /** Whether it changes what the disk holds. */
    boolean changes() {
        return !wrong && (type == OUT || type == DISCARD || type == WRITE_ZEROES);
    }

    /** From {@code content} into the pieces, or back. */
    void copy(MemorySegment content, boolean into) {
        long done = 0;
        for (int i = 0; i < pieces; i++) {
            if (into) {
                MemorySegment.copy(content, done, ram, pieceGpa[i], pieceBytes[i]);
            } else {
                MemorySegment.copy(ram, pieceGpa[i], content, done, pieceBytes[i]);
            }
            done += pieceBytes[i];
        }
    }

    @Override
    public String toString() {
        String what = switch (type) {
            case IN -> "read";
            case OUT -> "write of version " + version;
            case FLUSH -> "flush";
            case GET_ID -> "get-id";
            case DISCARD -> "discard";
            case WRITE_ZEROES -> "write zeroes";
            default -> "type " + type;
        };
        return what + " of sectors " + sector + "+" + sectors + (wrong ? ", wrong" : "") + ", "
            + (System.nanoTime() - sentNs) / 1_000_000 + " ms ago";
    }
}
