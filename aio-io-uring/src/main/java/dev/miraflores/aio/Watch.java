// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * Something that an I/O thread looks after.
 * <p>Thread: the I/O thread.
 */
public interface Watch extends AutoCloseable {

    /** Ends it: once this returns, nothing is called any more, and the event may be closed. Once more does nothing. */
    @Override
    void close();
}
