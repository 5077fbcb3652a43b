// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

/** What an I/O thread does when an event is signalled. */
@FunctionalInterface
public interface EventHandler {

    /**
     * The event was signalled since the last call, or since it is watched; maybe more than once, and now and then not at
     * all: look before acting. The count is not taken. Called on the I/O thread.
     */
    void onEvent();
}
