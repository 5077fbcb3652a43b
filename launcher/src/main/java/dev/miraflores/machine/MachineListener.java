// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

/**
 * Hears of what happens to a machine and its disks while it runs.
 * <p>Thread: as {@link DriveListener}; it may call the machine, but for {@code close}.
 */
public interface MachineListener extends DriveListener {

    /**
     * The machine stands still, vCPUs and disks, until {@link VirtualMachine#resume}.
     *
     * @param why in one line: the error that stopped it, or that somebody asked for it
     */
    default void paused(String why) {
    }

    /** It goes on. */
    default void resumed() {
    }

    /** The network interface is in; a guest that listens finds it now. */
    default void nicAdded(String id) {
    }

    /** The network interface is gone: what was behind it is closed, and its id is free. The guest may have ejected it unasked. */
    default void nicRemoved(String id) {
    }

    /** As {@link #removalUnanswered}. */
    default void nicRemovalUnanswered(String id) {
    }

    /** As {@link #removalFailed}. */
    default void nicRemovalFailed(String id, String why) {
    }

    /**
     * The machine was reset: its guest starts anew.
     *
     * @param byGuest whether the guest asked for it, which it may do as often as it likes; the next reset waits for this to return
     */
    default void reset(boolean byGuest) {
    }

    /**
     * The guest has given memory to the balloon, or taken some back. Once a second at most, and after the last change.
     *
     * @param actualBytes what it has now, by its own account
     */
    default void balloonChanged(long actualBytes) {
    }

    /** The guest has opened a port of its console device, or closed it. */
    default void portChanged(String id, boolean open) {
    }
}
