// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

import dev.miraflores.linux.EventFd;

/**
 * Turns the signal of an {@link EventFd} into a message-signalled interrupt, without a thread in between.
 * <p>Thread: {@code connect} and {@code close}, any; the event may be signalled by any thread at any time.
 */
public interface MsiController {

    /**
     * From now on a signal of {@code event} sends {@code data} to {@code address}. One that is pending is sent at
     * once, so a masked vector is a disconnected one, whose event keeps what is pending.
     * <p>Address and data are the guest's choice: those that lead nowhere make a route that sends nothing, not a failure.
     *
     * @param address the message's address, as in an MSI-X table entry (PCI 3.0 §6.8.2.7)
     */
    Connection connect(EventFd event, long address, int data);

    /** A live route. Closing it twice does nothing. */
    interface Connection extends AutoCloseable {
        @Override
        void close();
    }
}
