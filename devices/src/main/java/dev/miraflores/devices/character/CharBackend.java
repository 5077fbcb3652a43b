// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.character;

import java.io.IOException;

/**
 * The far end of a character device: a terminal, a file, a socket.
 * <p>Thread: {@code write} is called on the device's output thread only, the rest by whoever sets the device up.
 * <p>Lifetime: {@code connect} once, before any {@code write}; {@code close} may come while {@code write} blocks,
 * and should make it return.
 */
public interface CharBackend extends AutoCloseable {

    /**
     * A device takes hold of this end. From now on what arrives at the far end may be given to {@code input}, on any
     * thread; what the outside notices of it, such as a terminal's change of mode, happens now and not before.
     */
    void connect(CharInput input);

    /** Writes all of it; may block. After an IOException the device drops its output. */
    void write(byte[] bytes, int offset, int length) throws IOException;

    /** Whether the far end is there all the time; else {@link CharInput#setOpen} says when it is. */
    default boolean isPermanent() {
        return true;
    }

    /** What it is, in QEMU's words for a character device, such as {@code file} or {@code unix:PATH,server=on}. */
    default String describe() {
        return "custom";
    }

    /** Ends input and releases what the back end holds. Closing it twice does nothing. */
    @Override
    void close();

    /** A far end that swallows all output and never says anything. */
    static CharBackend none() {
        return new StreamBackend(java.io.OutputStream.nullOutputStream());
    }
}
