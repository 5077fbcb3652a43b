// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** Requests that a link holds back, first come first served, linked through themselves. A request is in one at a time. */
final class BlockIoQueue {

    private BlockIo first;
    private BlockIo last;
    private int size;

    boolean isEmpty() {
        return first == null;
    }

    int size() {
        return size;
    }

    BlockIo first() {
        return first;
    }

    void add(BlockIo io) {
        io.next = null;
        if (last == null) {
            first = io;
        } else {
            last.next = io;
        }
        last = io;
        size++;
    }

    BlockIo remove() {
        BlockIo io = first;
        first = io.next;
        io.next = null;
        if (first == null) {
            last = null;
        }
        size--;
        return io;
    }
}
