// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/**
 * Work that shows in memory, with an event for when nobody looks: a virtqueue and its doorbell. While its thread is awake
 * it looks, each turn; before the thread sleeps it asks for events, and looks once more.
 * <p>Thread: the I/O thread, all methods.
 */
public interface PolledSource {

    /** Whether {@link #poll} has something to do. Changes nothing. */
    boolean hasWork();

    /**
     * Does what there is to do, within a budget that leaves the thread's other work its turn.
     *
     * @return whether there was anything
     */
    boolean poll();

    /**
     * Asks for an event for whatever comes from now on.
     *
     * @return whether something came before that, so that there may be no event for it
     */
    boolean enableEvents();

    /** The turn's work is done: publishes what was gathered, and notifies whom it concerns, once for all of it. */
    void endTurn();

    /** A method of this has thrown, or the thread has: a bug of ours. Nothing of this is called any more. */
    void onFailure(Throwable bug);
}
