// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio.qcow2;

import java.util.Arrays;

/**
 * Numbers of the clusters that hold tables, which no guest data may be written to whatever an entry or a refcount says.
 * Open addressing; a number is never negative.
 */
final class ClusterSet {

    private static final long EMPTY = -1;
    private static final long REMOVED = -2;
    private static final int MIN_CAPACITY = 64;

    private long[] slots = new long[MIN_CAPACITY];
    /** Slots that are not empty. */
    private int used;

    ClusterSet() {
        Arrays.fill(slots, EMPTY);
    }

    private static int hash(long cluster) {
        long mixed = cluster * 0x9E37_79B9_7F4A_7C15L;
        return (int) (mixed >>> 32);
    }

    boolean contains(long cluster) {
        int mask = slots.length - 1;
        for (int i = hash(cluster) & mask; slots[i] != EMPTY; i = i + 1 & mask) {
            if (slots[i] == cluster) {
                return true;
            }
        }
        return false;
    }

    /** Answers whether it was not there before. */
    boolean add(long cluster) {
        if (contains(cluster)) {
            return false;
        }
        if (2 * (used + 1) > slots.length) {
            grow();
        }
        insert(cluster);
        return true;
    }

    private void insert(long cluster) {
        int mask = slots.length - 1;
        int i = hash(cluster) & mask;
        while (slots[i] != EMPTY) {
            i = i + 1 & mask;
        }
        slots[i] = cluster;
        used++;
    }

    private void grow() {
        long[] old = slots;
        slots = new long[2 * old.length];
        Arrays.fill(slots, EMPTY);
        used = 0;
        for (long cluster : old) {
            if (cluster >= 0) {
                insert(cluster);
            }
        }
    }

    void remove(long cluster) {
        int mask = slots.length - 1;
        for (int i = hash(cluster) & mask; slots[i] != EMPTY; i = i + 1 & mask) {
            if (slots[i] == cluster) {
                slots[i] = REMOVED;
                return;
            }
        }
    }
}
