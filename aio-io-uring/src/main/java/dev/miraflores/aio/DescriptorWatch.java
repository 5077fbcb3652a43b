// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * A descriptor whose readiness an I/O thread waits for when it is asked to: each wish is for one call of the handler, and
 * level-triggered, so that a descriptor that is ready already is told of soon. Who has read until −EAGAIN asks again; who has no
 * use for more does not, and hears nothing, however much there is.
 * <p>The two directions are independent of each other. To ask once more for what has been asked for does nothing.
 * <p>What the kernel refuses to wait for costs the wish, and is told to {@link DescriptorHandler#onWatchFailed}.
 * <p>A wish costs no system call of its own where the thread has io_uring, and one where it has epoll.
 * <p>Thread: the I/O thread.
 */
public interface DescriptorWatch extends Watch {

    /** Calls {@link DescriptorHandler#onReadable} once, when that is so. */
    void awaitReadable();

    /** Calls {@link DescriptorHandler#onWritable} once, when that is so. */
    void awaitWritable();
}
