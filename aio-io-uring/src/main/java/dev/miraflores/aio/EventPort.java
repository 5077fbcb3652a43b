// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import dev.miraflores.aio.uring.KernelFeatures;
import dev.miraflores.linux.ErrnoException;
import dev.miraflores.linux.EventFd;

/**
 * Where an I/O thread waits, and what it hands requests to: the kernel, in one shape or another.
 * <p>Thread: the I/O thread, from {@link #enable} on.
 */
abstract sealed class EventPort permits UringPort, EpollPort {

    /** A place to wait may be hours away. */
    static final long NO_TIMEOUT = Long.MAX_VALUE;

    /**
     * The best that this host has.
     *
     * @throws DriveException where the options ask for what the kernel does not have
     */
    static EventPort open(IoThreadOptions options) {
        if (options.epoll()) {
            return new EpollPort("its I/O thread was asked to wait with epoll");
        }
        KernelFeatures features = KernelFeatures.host();
        if (features.isAvailable()) {
            return openUring(features, options);
        }
        if (options.sqPoll() || options.ioPoll()) {
            throw new DriveException(
                (options.sqPoll() ? "sqpoll" : "iopoll") + " needs io_uring: " + features.whyNot());
        }
        return new EpollPort(features.whyNot());
    }

    /** What there is may not be had: memory, descriptors, or a limit may be short. */
    private static EventPort openUring(KernelFeatures features, IoThreadOptions options) {
        try {
            return UringPort.create(features, options);
        } catch (ErrnoException e) {
            if (options.sqPoll() || options.ioPoll()) {
                throw e;
            }
            return new EpollPort("the kernel gave its I/O thread none: " + e.getMessage());
        }
    }

    /** Makes the calling thread the owner. */
    abstract void enable();

    /** Whether {@link #dispatch} or {@link #submit} would find something. Looks at memory only. */
    abstract boolean hasEvents();

    /** Where {@link #hasEvents} cannot see all of them, asks the kernel. For when the thread has polled in vain for a while. */
    abstract void look();

    /** Hands over what has been queued, without waiting; no call where there is nothing. */
    abstract void submit();

    /** Hands over what has been queued, and sleeps until there is an event, or time is up, or for no reason at all. */
    abstract void await(long timeoutNs);

    /** Calls those whom events concern; answers how many there were. A bounded number, so that others get a turn. */
    abstract int dispatch();

    abstract Watch watch(EventFd event, EventHandler handler);

    /** Ends a sleep when {@code event} is signalled; nobody is called. */
    abstract Watch wakeOn(EventFd event);

    /** Nothing is waited for until the watch is asked to. */
    abstract DescriptorWatch watch(int descriptor, DescriptorHandler handler);

    /** One line that says why there is no io_uring here, or {@code null}. */
    abstract String whyNoUring();

    /** An engine of io_uring, where there is. */
    abstract BlockEngine openEngine(IoThread thread, BlockFile file, LinkOptions options);

    /** Requests in flight in all engines. */
    abstract int inFlight();

    /** Once nothing is in flight. */
    abstract void close();
}
