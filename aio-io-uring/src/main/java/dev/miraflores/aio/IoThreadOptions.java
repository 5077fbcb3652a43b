// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * How an I/O thread is set up. The last three are asked for by name, since each has its price.
 *
 * @param pollMaxNs  the longest it looks for work before it sleeps; 0 never looks
 * @param pollGrow   what that time is multiplied by while waits are short; 0 is 2
 * @param pollShrink what it is divided by after a longer wait; 0 drops it to nothing
 * @param epoll      whether to wait with epoll where io_uring is to be had too: its engine then is not
 * @param sqPoll     whether a thread of the kernel's takes requests from the io_uring, which spares the calls for it and
 *                   takes a processor while there is work
 * @param ioPoll     whether engines of io_uring ask the device for completions instead of being interrupted: for devices
 *                   with queues for that, and O_DIRECT, only. The thread then does not sleep while a transfer is in flight
 */
public record IoThreadOptions(
        long pollMaxNs, int pollGrow, int pollShrink, boolean epoll, boolean sqPoll, boolean ioPoll) {

    /** QEMU's. */
    public static final IoThreadOptions DEFAULTS = new IoThreadOptions(32_768, 0, 0);

    public IoThreadOptions {
        if (pollMaxNs < 0 || pollGrow < 0 || pollShrink < 0) {
            throw new IllegalArgumentException("poll-max-ns " + pollMaxNs + ", poll-grow " + pollGrow
                + ", poll-shrink " + pollShrink + ": none may be negative");
        }
        if (epoll && (sqPoll || ioPoll)) {
            throw new IllegalArgumentException("epoll excludes what only io_uring has: sqpoll, iopoll");
        }
    }

    /** With io_uring, where it is to be had, used in the plain way. */
    public IoThreadOptions(long pollMaxNs, int pollGrow, int pollShrink) {
        this(pollMaxNs, pollGrow, pollShrink, false, false, false);
    }

    /** The same, waiting with epoll whatever else is to be had. */
    public IoThreadOptions withEpoll() {
        return new IoThreadOptions(pollMaxNs, pollGrow, pollShrink, true, sqPoll, ioPoll);
    }

    /** The same, with a thread of the kernel's that takes requests. */
    public IoThreadOptions withSqPoll() {
        return new IoThreadOptions(pollMaxNs, pollGrow, pollShrink, epoll, true, ioPoll);
    }

    /** The same, asking devices for completions. */
    public IoThreadOptions withIoPoll() {
        return new IoThreadOptions(pollMaxNs, pollGrow, pollShrink, epoll, sqPoll, true);
    }
}
