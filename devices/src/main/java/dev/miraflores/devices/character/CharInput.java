// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

/**
 * Where a {@link CharBackend} puts the characters that arrive at its end. Holds a bounded number of them.
 * <p>Thread: any.
 */
public interface CharInput {

    /** Takes as much as there is room for and returns how much that was; never blocks. */
    int offer(byte[] bytes, int offset, int length);

    /**
     * Waits until all of it is taken.
     *
     * @return false when the device was closed first
     */
    boolean put(byte[] bytes, int offset, int length) throws InterruptedException;

    /**
     * As {@link #offer(byte[], int, int)}, but waits for room where there is none, for a while.
     *
     * @return how much was taken, 0 when time was up first; −1 when the device was closed
     */
    int offer(byte[] bytes, int offset, int length, long timeoutMs) throws InterruptedException;

    /** A break on the line, which Linux's console takes for the magic SysRq key. A device without such a line ignores it. */
    void sendBreak();

    /** Somebody is at the far end from now on, or nobody is any more; from a back end that is not permanent. */
    default void setOpen(boolean open) {
    }

    /** Whether {@link #resized} is to be called. */
    default boolean wantsSize() {
        return false;
    }

    /** The far end is a terminal of that size; from {@code connect} on, and whenever it changes. */
    default void resized(int columns, int rows) {
    }
}
