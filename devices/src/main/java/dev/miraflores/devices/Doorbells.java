// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices;

import dev.miraflores.linux.EventFd;

/**
 * Turns a guest's write into the signal of an {@link EventFd} (an ioeventfd under KVM).
 * <p>Thread: any.
 */
public interface Doorbells {

    /**
     * From now on a write of any value to {@code gpa} signals {@code event} and reaches no {@link BusDevice}.
     *
     * @param byteSize width of the write that counts, 1, 2, 4 or 8; 0 is any width
     */
    Binding bindMmio(long gpa, int byteSize, EventFd event);

    /** As {@link #bindMmio}, for only those writes that store {@code value}. */
    Binding bindMmio(long gpa, int byteSize, long value, EventFd event);

    /** A live doorbell. Closing it twice does nothing. */
    interface Binding extends AutoCloseable {
        @Override
        void close();
    }
}
