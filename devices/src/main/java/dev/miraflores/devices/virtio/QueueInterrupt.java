// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.virtio;

import dev.miraflores.linux.EventFd;

/**
 * How a queue's driver gets its used buffer notifications (virtio 1.3 §2.3): {@link #run} sends one.
 * <p>Thread: any.
 */
@FunctionalInterface
public interface QueueInterrupt extends Runnable {

    /**
     * Lets signals of {@code event}, which may come from another process, be notifications, without a thread in between
     * where the transport can do that: while the connection is direct. At other times the event keeps the signals, and it is
     * for the caller to take them and {@link #run} this. None is lost when that changes.
     *
     * @param changed is told that {@link Connection#isDirect} has changed; called under locks of the transport, so it waits
     *                for nothing
     */
    default Connection connect(EventFd event, Runnable changed) {
        return NOT_DIRECT;
    }

    /** What {@link #connect} answers where there always has to be a thread in between. */
    Connection NOT_DIRECT = new Connection() {

        @Override
        public boolean isDirect() {
            return false;
        }

        @Override
        public void close() {
        }
    };

    /** An event that is connected. Closing it twice does nothing; the event stays open. */
    interface Connection extends AutoCloseable {

        /** Whether signals reach the driver as they are. */
        boolean isDirect();

        @Override
        void close();
    }
}
