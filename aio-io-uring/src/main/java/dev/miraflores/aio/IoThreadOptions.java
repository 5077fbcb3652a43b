// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * How an I/O thread is set up.
 *
 * @param pollMaxNs  the longest it looks for work before it sleeps; 0 never looks
 * @param pollGrow   what that time is multiplied by while waits are short; 0 is 2
 * @param pollShrink what it is divided by after a longer wait; 0 drops it to nothing
 * @param epoll      whether to wait with epoll where io_uring is to be had too: its engine then is not
 */
public record IoThreadOptions(long pollMaxNs, int pollGrow, int pollShrink, boolean epoll) {

    /** QEMU's. */
    public static final IoThreadOptions DEFAULTS = new IoThreadOptions(32_768, 0, 0);

    public IoThreadOptions {
        if (pollMaxNs < 0 || pollGrow < 0 || pollShrink < 0) {
            throw new IllegalArgumentException("poll-max-ns " + pollMaxNs + ", poll-grow " + pollGrow
                + ", poll-shrink " + pollShrink + ": none may be negative");
        }
    }

    /** With io_uring, where it is to be had. */
    public IoThreadOptions(long pollMaxNs, int pollGrow, int pollShrink) {
        this(pollMaxNs, pollGrow, pollShrink, false);
    }

    /** The same, waiting with epoll whatever else is to be had. */
    public IoThreadOptions withEpoll() {
        return new IoThreadOptions(pollMaxNs, pollGrow, pollShrink, true);
    }
}
