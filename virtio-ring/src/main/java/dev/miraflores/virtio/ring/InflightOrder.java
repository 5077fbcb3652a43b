// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import java.util.Arrays;

/**
 * What was in flight when a device ended, in the order it was fetched in: to be done once more.
 * <p>Thread: that of the queue.
 */
final class InflightOrder {

    private final int[] entries;
    private int next;

    private InflightOrder(int[] entries) {
        this.entries = entries;
    }

    /** @param counters one for each entry, of which the sort keeps those that are equal, a front end's doing, as they are */
    static InflightOrder of(int[] entries, long[] counters) {
        Integer[] places = new Integer[entries.length];
        Arrays.setAll(places, i -> i);
        Arrays.sort(places, (a, b) -> Long.compareUnsigned(counters[a], counters[b]));
        int[] sorted = new int[entries.length];
        for (int i = 0; i < sorted.length; i++) {
            sorted[i] = entries[places[i]];
        }
        return new InflightOrder(sorted);
    }

    int count() {
        return entries.length;
    }

    boolean isEmpty() {
        return next == entries.length;
    }

    int take() {
        return entries[next++];
    }

    int at(int i) {
        return entries[i];
    }
}
