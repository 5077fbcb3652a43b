// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.serial;

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

    /** A break on the line, which Linux's console takes for the magic SysRq key. */
    void sendBreak();
}
