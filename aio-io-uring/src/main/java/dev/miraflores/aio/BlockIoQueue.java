// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * Requests that a link holds back, first come first served, linked through themselves: nothing is allocated. A request is in
 * one at a time.
 * <p>Thread: that of the link.
 */
public final class BlockIoQueue {

    private BlockIo first;
    private BlockIo last;
    private int size;

    /** An empty one. */
    public BlockIoQueue() {
    }

    public boolean isEmpty() {
        return first == null;
    }

    public int size() {
        return size;
    }

    /** The one that has waited longest, or {@code null}. */
    public BlockIo first() {
        return first;
    }

    public void add(BlockIo io) {
        io.next = null;
        if (last == null) {
            first = io;
        } else {
            last.next = io;
        }
        last = io;
        size++;
    }

    /** Takes out the one that has waited longest; there has to be one. */
    public BlockIo remove() {
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
