// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * An engine's queue that is not part of the thread's {@link EventPort}: looked at each turn, and while the thread polls.
 * For when nobody looks, the engine has an event of its own that completions signal ({@link IoThread#wakeOn}).
 * <p>Thread: the I/O thread.
 */
interface EngineQueue {

    /** Whether {@link #dispatch} or {@link #submit} would find something. Looks at memory only. */
    boolean hasEvents();

    /** Hands over what has gathered since, without waiting; no call where there is nothing. */
    void submit();

    /**
     * The thread is about to sleep, and asks for an event for whatever completes from now on.
     *
     * @return whether something completed before that, so that there may be no event for it
     */
    boolean enableEvents();

    /** Completes requests that are done; answers how many. A bounded number, so that others get a turn. */
    int dispatch();

    /** Requests that were submitted and are not complete. */
    int inFlight();
}
