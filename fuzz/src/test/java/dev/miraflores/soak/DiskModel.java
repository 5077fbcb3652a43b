// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.soak;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What a disk must hold, sector by sector. A sector holds zeroes or what the write of one version put there, which is a
 * function of sector and version. After a discard, or a write whose end nobody saw, it may hold either of two versions,
 * until a read tells.
 * <p>Thread: one.
 */
final class DiskModel {

    static final int SECTOR_BYTES = 512;
    /** The version of zeroes. */
    static final int ZEROES = 0;

    private final int[] version;
    /** The other version that it may be; as {@link #version} where there is no doubt. */
    private final int[] other;
    private int lastVersion;

    DiskModel(int sectors) {
        version = new int[sectors];
        other = new int[sectors];
    }

    int sectors() {
        return version.length;
    }

    int newVersion() {
        return ++lastVersion;
    }

    /** It is so. */
    void set(int sector, int newVersion) {
        version[sector] = newVersion;
        other[sector] = newVersion;
    }

    /** It is so, or as it was; where that was in doubt, as it was by the last that is known to have been. */
    void setMaybe(int sector, int newVersion) {
        other[sector] = newVersion;
    }

    /** Whether more than two versions could be there if one came. */
    boolean isInDoubt(int sector) {
        return version[sector] != other[sector];
    }

    static void fill(MemorySegment memory, long offset, int sector, int version) {
        for (int word = 0; word < SECTOR_BYTES / Long.BYTES; word++) {
            memory.set(ValueLayout.JAVA_LONG_UNALIGNED, offset + (long) word * Long.BYTES, word(sector, version, word));
        }
    }

    private static long word(int sector, int version, int word) {
        if (version == ZEROES) {
            return 0;
        }
        long x = (long) version << 40 ^ (long) sector << 8 ^ word;
        x = (x ^ x >>> 31) * 0x9E37_79B9_7F4A_7C15L;
        return x ^ x >>> 29;
    }

    static boolean holds(MemorySegment memory, long offset, int sector, int version) {
        for (int word = 0; word < SECTOR_BYTES / Long.BYTES; word++) {
            if (memory.get(ValueLayout.JAVA_LONG_UNALIGNED, offset + (long) word * Long.BYTES) != word(sector, version, word)) {
                return false;
            }
        }
        return true;
    }

    /** Compares a sector that was read with what it may be; {@code settle} where it cannot change meanwhile. */
    void check(MemorySegment memory, long offset, int sector, boolean settle) {
        int found;
        if (holds(memory, offset, sector, version[sector])) {
            found = version[sector];
        } else if (holds(memory, offset, sector, other[sector])) {
            found = other[sector];
        } else {
            throw new AssertionError("sector " + sector + " is neither version " + version[sector] + " nor " + other[sector]
                + " but begins with 0x" + Long.toHexString(memory.get(ValueLayout.JAVA_LONG_UNALIGNED, offset))
                + (holds(memory, offset, sector, ZEROES) ? " (zeroes)" : ""));
        }
        if (settle) {
            set(sector, found);
        }
    }
}
