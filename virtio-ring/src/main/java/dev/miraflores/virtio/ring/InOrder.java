// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import java.util.Arrays;

/**
 * Buffers in the order in which they were made available, for VIRTIO_F_IN_ORDER: the device's, to give them back in that
 * order whatever the order they are done in; the driver's, to know those that a batch left out (virtio 1.3 §2.7.9, §2.8.8).
 * <p>Thread: that of the queue.
 */
final class InOrder {

    private final int[] ids;
    private final long[] writableBytes;
    private final int[] writtenBytes;
    private final boolean[] complete;
    /** Where in the arrays the buffer with this id was put last. */
    private final int[] placeOfId;
    private int first;
    private int count;

    InOrder(int size) {
        ids = new int[size];
        writableBytes = new long[size];
        writtenBytes = new int[size];
        complete = new boolean[size];
        Arrays.fill(complete, true);                // a place without a buffer: there is nothing to wait for
        placeOfId = new int[size];
    }

    /** The next buffer. */
    void add(int id, long writable) {
        int place = place(count);
        ids[place] = id;
        writableBytes[place] = writable;
        complete[place] = false;
        placeOfId[id] = place;
        count++;
    }

    private int place(int index) {
        int place = first + index;
        return place < ids.length ? place : place - ids.length;
    }

    /** The buffer is done; those before it may not be. */
    void complete(int id, int written) {
        if (id < 0 || id >= placeOfId.length) {
            throw notInFlight(id);
        }
        int place = placeOfId[id];
        if (!isInFlight(place, id)) {
            place = search(id);
        }
        writtenBytes[place] = written;
        complete[place] = true;
    }

    private boolean isInFlight(int place, int id) {
        return ids[place] == id && !complete[place];
    }

    /** A driver may have made a split queue's head available more than once: another one of those, then. */
    private int search(int id) {
        for (int i = 0; i < count; i++) {
            if (isInFlight(place(i), id)) {
                return place(i);
            }
        }
        throw notInFlight(id);
    }

    private static IllegalStateException notInFlight(int id) {
        return new IllegalStateException("no buffer in flight with id " + id);
    }

    /** Whether there is a first one, and it is done. */
    boolean isFirstComplete() {
        return count != 0 && complete[first];
    }

    int firstId() {
        return ids[first];
    }

    int firstWritten() {
        return writtenBytes[first];
    }

    long firstWritable() {
        return writableBytes[first];
    }

    /** Whether all of its device-writable bytes were written, which is what the driver takes for granted of one left out. */
    boolean isFirstFull() {
        return (writtenBytes[first] & 0xFFFF_FFFFL) == writableBytes[first];
    }

    void removeFirst() {
        first = place(1);
        count--;
    }
}
