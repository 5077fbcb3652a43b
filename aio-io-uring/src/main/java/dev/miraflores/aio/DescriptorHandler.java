// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * What an I/O thread does when a descriptor is ready, which it was asked to wait for ({@link DescriptorWatch}).
 * <p>A descriptor with an error, or whose other end is gone, counts as ready: the call that follows says what is wrong.
 * <p>Thread: the I/O thread.
 */
public interface DescriptorHandler {

    /** A read would not wait; it may all the same have nothing (−EAGAIN): look before acting. */
    void onReadable();

    /** A write would not wait, or so it seems. */
    void onWritable();

    /**
     * The kernel does not wait for the descriptor, for want of memory as it may be: something that was asked for will not be told.
     * May come while it is being asked for.
     *
     * @param errno why
     */
    void onWatchFailed(int errno);
}
